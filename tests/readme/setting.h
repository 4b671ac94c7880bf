#pragma once
// What the C++ of the pages finds where it runs: a small network, its data and an optimizer.
#include <filesystem>
#include <iostream>
#include <span>

#include <torch/torch.h>

#include <descent/landscape.h>
#include <descent/optim.h>
#include <descent/pictures.h>
#include <descent/surfaces.h>

/// Made anew for each block of a page.
struct Setting {
  torch::nn::Sequential net{torch::nn::Linear(1, 8), torch::nn::ReLU(), torch::nn::Linear(8, 1)};
  torch::nn::Sequential head{torch::nn::Linear(1, 2)};
  descent::AdamW opt{net->parameters(), {.lr = 1e-2}};
  at::Tensor x = torch::linspace(-3, 3, 20).view({-1, 1}), y = x.sin();
};

struct Snippet {
  const char* page;
  void (*code)(Setting&);
};

/// Runs each snippet in a new setting, whose optimizer has made a step.
inline int run(std::span<const Snippet> snippets) {
  int failed = 0;
  for (size_t i = 0; i < snippets.size(); ++i) {
    torch::manual_seed(1);
    Setting setting;
    torch::mse_loss(setting.net->forward(setting.x), setting.y).backward();
    setting.opt.step();
    try {
      snippets[i].code(setting);
    } catch (const std::exception& error) {
      std::cerr << snippets[i].page << ", C++ block " << i << " of all: " << error.what() << '\n';
      ++failed;
    }
  }
  std::cout << snippets.size() << " blocks, " << failed << " failed\n";
  return failed == 0 ? 0 : 1;
}
