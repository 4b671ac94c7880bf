// Puts what sine_regression, the landscapes' examples and descent wrote, and the list of optimizers,
// on one page: <folder>/index.html.
//
//   demo_page page.html out
#include <algorithm>
#include <cmath>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include <ATen/Parallel.h>
#include <nlohmann/json.hpp>
#include <torch/version.h>

#include <descent/base/atomic_file.h>
#include <descent/base/html.h>
#include <descent/base/pass.h>
#include <descent/optim/optimizer/registry.h>

namespace {

using nlohmann::json;
using Points = std::vector<std::pair<double, double>>;

std::string digits(double x, int significant) {
  std::ostringstream text;
  text << std::setprecision(significant) << x;
  return text.str();
}

std::string fixed(double x, int decimals) {
  std::ostringstream text;
  text << std::fixed << std::setprecision(decimals) << x;
  return text.str();
}

/// 484000 -> "484,000"
std::string thousands(double x) {
  std::string text = fixed(x, 0);
  for (auto i = static_cast<std::ptrdiff_t>(text.size()) - 3; i > 0; i -= 3)
    text.insert(static_cast<size_t>(i), 1, ',');
  return text;
}

struct Tick {
  double at;
  std::string label;
};

/// Curves over ticks; the first and the last tick of each direction are the ends of the picture.
std::string chart(const std::vector<Tick>& x, const std::vector<Tick>& y,
                  const std::vector<std::pair<const char*, Points>>& curves) {
  constexpr double kLeft = 44, kRight = 496, kTop = 10, kBottom = 250;
  const auto px = [&](double value) {
    return kLeft + (value - x.front().at) / (x.back().at - x.front().at) * (kRight - kLeft);
  };
  const auto py = [&](double value) {
    return kBottom - (value - y.front().at) / (y.back().at - y.front().at) * (kBottom - kTop);
  };
  std::ostringstream svg;
  svg << std::fixed << std::setprecision(1) << R"(<svg viewBox="0 0 520 276" role="img">)";
  for (const Tick& tick : y)
    svg << R"(<line class="grid" x1=")" << kLeft << R"(" x2=")" << kRight << R"(" y1=")"
        << py(tick.at) << R"(" y2=")" << py(tick.at) << R"("/><text text-anchor="end" x=")"
        << kLeft - 6 << R"(" y=")" << py(tick.at) + 4 << R"(">)" << tick.label << "</text>";
  for (const Tick& tick : x)
    svg << R"(<text text-anchor="middle" x=")" << px(tick.at) << R"(" y=")" << kBottom + 18
        << R"(">)" << tick.label << "</text>";
  for (const auto& [style, points] : curves) {
    svg << R"(<path class=")" << style << R"(" d=")";
    char command = 'M';
    for (const auto& [u, v] : points) {
      svg << command << px(u) << ' ' << py(v);
      command = 'L';
    }
    svg << R"("/>)";
  }
  svg << "</svg>";
  return svg.str();
}

std::string loss_chart(const json& losses, double steps) {
  Points points;
  double lo = 0, hi = -300;
  for (const json& entry : losses) {
    const double value = std::log10(std::max(entry[1].get<double>(), 1e-300));
    points.emplace_back(entry[0].get<double>(), value);
    lo = std::min(lo, value);
    hi = std::max(hi, value);
  }
  std::vector<Tick> x, y;
  for (int i = 0; i <= 4; ++i) x.push_back({steps * i / 4, fixed(steps * i / 4, 0)});
  const auto last = static_cast<int>(std::ceil(hi));
  for (auto decade = static_cast<int>(std::floor(lo)); decade <= last; ++decade)
    y.push_back({static_cast<double>(decade), "1e" + std::to_string(decade)});
  return chart(x, y, {{"a", points}});
}

std::string fit_chart(const json& fit) {
  Points sine, network;
  for (const json& entry : fit) {
    const double x = entry[0].get<double>();
    sine.emplace_back(x, std::sin(x));
    network.emplace_back(x, std::clamp(entry[1].get<double>(), -1.25, 1.25));
  }
  const double end = sine.back().first;
  return chart(
      {{-end, "-&pi;"}, {-end / 2, "-&pi;/2"}, {0, "0"}, {end / 2, "&pi;/2"}, {end, "&pi;"}},
      {{-1.25, ""}, {-1, "-1"}, {-0.5, "-0.5"}, {0, "0"}, {0.5, "0.5"}, {1, "1"}, {1.25, ""}},
      {{"b", sine}, {"a dashed", network}});
}

std::string figure(const std::string& number, const std::string& meaning) {
  return "<div><b>" + number + "</b><span>" + meaning + "</span></div>\n";
}

/// The picture `file`.png that leads to `page`.
std::string linked_picture(const std::string& file, const std::string& page,
                           const std::string& caption) {
  return "<figure><a href=\"" + page + "\"><img loading=\"lazy\" src=\"" + file +
         ".png\" alt=\"Open " + page + "\"></a><figcaption>" + caption + "</figcaption></figure>\n";
}

std::string plane_section(const std::filesystem::path& folder) {
  if (!std::filesystem::exists(folder / "plane/summary.json")) return "";
  const json plane = json::parse(descent::read_file(folder / "plane/summary.json"));
  const double points = plane["points"].get<double>();
  std::string text = "<h2>Loss landscape</h2>\n<p>The loss of " + thousands(points * points) +
                     " networks, on a logarithmic scale: the trained weights in the centre, and "
                     "what lies up to 5 lengths away "
                     "along two directions that are drawn as the initial weights are.</p>\n";
  if (std::filesystem::exists(folder / "plane/plane.html"))
    text +=
        linked_picture("plane/plane", "plane/plane.html",
                       "<a href=\"plane/plane.html\">Turn it and point at it</a>. Pictures: <a "
                       "href=\"plane/plane.svg\">svg</a>, <a href=\"plane/plane.gif\">gif</a>. "
                       "Numbers: <a href=\"plane/plane.csv\">csv</a>, <a "
                       "href=\"plane/plane.json\">json</a>, <a href=\"plane/plane.npy\">npy</a>");
  text += "<div class=\"figures\">\n" +
          figure(digits(plane["seconds"].get<double>() * 1e3, 3) + " ms",
                 "for " + thousands(points * points) + " networks") +
          figure(thousands(plane["networks_per_second"].get<double>()), "networks a second") +
          figure(digits(plane["loss"].get<double>(), 3), "loss in the centre") +
          figure(digits(plane["least"].get<double>(), 3), "least loss on a grid point") +
          "</div>\n";
  return text;
}

/// The landscapes of networks that conv_landscape and transformer_landscape drew.
std::string networks_section(const std::filesystem::path& folder) {
  struct Drawn {
    const char *file, *page, *caption;
  };
  std::string pictures;
  for (const auto& [file, page, caption] :
       {Drawn{"conv/loss", "conv/loss.html",
              "Cross entropy of a convolutional network with batch normalisation, along two "
              "filter-normalised directions"},
        Drawn{"conv/error", "conv/error.html", "Its share of wrong answers over the same plane"},
        Drawn{"transformer/loss", "transformer/loss.html",
              "Cross entropy of a transformer along its two steepest directions: the Hessian's top "
              "eigenvectors"},
        Drawn{"transformer/spectrum", "transformer/spectrum.png",
              "The Hessian's spectrum, at whose right end those two are"}})
    if (std::filesystem::exists(folder / page)) pictures += linked_picture(file, page, caption);
  if (pictures.empty()) return "";
  return "<h2>Landscapes of other networks</h2>\n<p>Any module has one. Click a surface to turn it "
         "and to point at it.</p>\n<div class=\"pictures\">\n" +
         pictures + "</div>\n";
}

/// The maps that six_optimizers drew.
std::string maps_section(const std::filesystem::path& folder) {
  if (!std::filesystem::exists(folder / "six/maps.png")) return "";
  return "<h2>Choosing a rate</h2>\n<p>The sine network, trained by six optimizers at each of many "
         "learning rates and weight decays.</p>\n" +
         linked_picture("six/maps", "six/maps.svg",
                        "Blue: the loss after training, dark where it is small. Red: training "
                        "diverged, dark where it did so early");
}

/// The ten optimizers on each surface that the gallery has them on, and the way to the rest.
std::string races_section(const std::filesystem::path& folder) {
  if (!std::filesystem::exists(folder / "gallery/index.html")) return "";
  std::string text =
      "<h2>Races</h2>\n<p>The optimizers that train networks, let loose on surfaces: ten of them "
      "from one start. <a href=\"gallery/joint.html\">Turn and play the search surfaces</a>, "
      "<a href=\"gallery/tuned.html\">the usual test functions at fair rates</a>, or see <a "
      "href=\"gallery/index.html\">the whole gallery</a>.</p>\n<div class=\"pictures\">\n";
  for (const char* race : {"joint-f4", "joint-f1", "joint-f0", "joint-f5", "joint-f2", "joint-f3",
                           "tuned-rosenbrock", "tuned-beale"}) {
    const std::string file = std::string("gallery/") + race;
    const std::string chapter(race, std::string_view(race).find('-'));
    text += "<figure><a href=\"gallery/" + chapter + ".html\"><picture><source srcset=\"" + file +
            ".png\" media=\"(prefers-reduced-motion: reduce)\"><img loading=\"lazy\" src=\"" +
            file + ".gif\" alt=\"Ten optimizers racing over a surface\"></picture></a></figure>\n";
  }
  return text + "</div>\n";
}

std::string option_text(const std::string& name, const descent::OptionValue& value) {
  return "<code>" + name + "=" + descent::escaped_html(to_text(value)) + "</code> ";
}

std::string options_text(const std::string& text) {
  std::string result;
  for (const auto& [name, value] : descent::parse_options(text)) result += option_text(name, value);
  return result;
}

std::string optimizer_rows() {
  std::string rows;
  for (const auto* rule : descent::optimizers()) {
    rows += std::string("<tr><td>") + rule->about.name + "<br><code>" + rule->about.key +
            "</code></td><td>" + descent::escaped_html(rule->about.paper) + "</td><td>";
    for (const auto& option : rule->defaults) rows += option_text(option.name, option.value);
    rows += "</td></tr>\n";
  }
  return rows;
}

void write_page(const std::filesystem::path& layout, const std::filesystem::path& folder) {
  const json sine = json::parse(descent::read_file(folder / "sine/summary.json"));
  const double steps = sine["steps"].get<double>(), seconds = sine["seconds"].get<double>();
  const double in_optimizer = sine["optimizer_seconds"].get<double>();
  const std::string plane = plane_section(folder), races = races_section(folder);
  const std::string networks = networks_section(folder), maps = maps_section(folder);
  std::string commands = "build/release/bin/sine_regression --out out/sine\n";
  if (!plane.empty()) commands += "build/release/bin/loss_plane --out out/plane\n";
  if (!networks.empty())
    commands +=
        "build/release/bin/conv_landscape out/conv\n"
        "build/release/bin/transformer_landscape out/transformer\n";
  if (!maps.empty()) commands += "build/release/bin/six_optimizers out/six\n";
  if (!races.empty())
    commands += "build/release/bin/descent race --gallery --out out/gallery --force\n";

  const std::vector<std::pair<std::string, std::string>> contents{
      {"plane", plane},
      {"networks", networks},
      {"maps", maps},
      {"races", races},
      {"samples", std::to_string(sine["samples"].get<int64_t>())},
      {"optimizer", descent::escaped_html(sine["optimizer"].get<std::string>())},
      {"options", options_text(sine["options"].get<std::string>())},
      {"loss", digits(sine["loss"].get<double>(), 3)},
      {"seconds", digits(seconds, 3)},
      {"steps", thousands(steps)},
      {"share", digits(100 * in_optimizer / seconds, 2)},
      {"step_us", digits(1e6 * in_optimizer / steps, 3)},
      {"loss_chart", loss_chart(sine["losses"], steps)},
      {"fit_chart", fit_chart(sine["fit"])},
      {"optimizers", optimizer_rows()},
      {"commands", commands},
      {"cpu_threads", std::to_string(at::get_num_threads())},
      {"pass", to_string(descent::current_pass())},
      {"torch", TORCH_VERSION},
  };
  const std::string page = descent::filled_html(descent::read_file(layout), contents);
  descent::write_atomically(folder / "index.html", page);
  std::cout << "open " << (folder / "index.html").string() << '\n';
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr
        << "demo_page <page.html> <folder with sine, plane, conv, transformer, six and gallery>\n";
    return 2;
  }
  try {
    write_page(argv[1], argv[2]);
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "demo_page: " << error.what() << '\n';
    return 1;
  }
}
