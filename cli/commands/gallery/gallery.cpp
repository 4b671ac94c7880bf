#include "commands/gallery/gallery.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <memory>
#include <ostream>
#include <set>
#include <thread>
#include <utility>

#include <descent/base/atomic_file.h>
#include <descent/base/html.h>
#include <descent/pictures/draw_study.h>
#include <descent/tensors/workers.h>
#include <descent/tune/rates.h>
#include <descent/tune/tune.h>

#include "commands/gallery/adagrad_arrows.h"
#include "commands/gallery/families.h"
#include "commands/tune/task.h"
#include "output.h"
#include "progress.h"
#include "scene.h"

namespace descent::embedded {
std::string_view gallery_page();  // gallery.html
}

namespace descent::cli {
namespace {

constexpr const char* kIndex = "index.html";

/// Pictures that belong together, and a page to play them on.
struct Chapter {
  std::string key, title, text;
  std::vector<Scene> scenes{};
};

/// Something to be written to a file of that name.
struct GalleryJob {
  std::string file;
  std::function<void(const std::filesystem::path&)> write;
};

std::vector<Track> race_on(const Heat& heat, const std::vector<Racer>& racers) {
  return race(heat.surface, racers, heat.options);
}

Scene scene(const std::string& chapter, const std::string& title, const Heat& heat,
            const std::vector<Racer>& racers) {
  const Noise* const noise = heat.options.noise ? &*heat.options.noise : nullptr;
  return {.key = chapter + "-" + heat.surface.name,
          .chapter = title,
          .title = heat.surface.title,
          .caption = about_race(heat.surface, heat.options),
          .surface = heat.surface,
          .grid = mesh(heat.surface, 200, 200, noise),
          .tracks = race_on(heat, racers)};
}

/// What there is to see, by the key of a family.
const std::map<std::string, std::string> kTexts{
    {"sgd",
     "Steps in proportion to the slope: quick where it is steep, and a curved way where one "
     "direction is steeper than the other."},
    {"nag", "Velocity adds up, so that even small rates arrive, and large ones overshoot."},
    {"rmsprop",
     "Slopes are divided by their recent size: the same straight way on the round and "
     "on the elliptic bowl, at an even pace, and a twitch about the minimum at rate 1."},
    {"adagrad",
     "Slopes are divided by the root of all their squares: a straight way like "
     "RMSprop's whose steps become smaller, without the twitch at its end."},
    {"adam", "Momentum over RMSprop's scale, with both started up fairly."},
    {"lion",
     "Only signs count, so every step has the length of the rate in each direction: the "
     "choice of the rate decides how near it can come."},
    {"lamb",
     "Adam's direction at a length in proportion to the parameters: giant steps far from "
     "the origin, and ever smaller ones near to it."},
    {"ftrl",
     "Keeps the sum of all slopes and solves for the best point anew: at large rates one "
     "step to the bottom of a bowl, on the ramp it lags."},
    {"joint",
     "Ten optimizers from one start, at the rates that show them off. Click a name to hide "
     "it, twice to see it alone."},
    {"saddle",
     "A start almost on the ridge. The adaptive ones see a slope of any size as large and "
     "leave at once."},
    {"beale", "Momentum is led off the track by the steep wall; looking ahead corrects it."},
    {"lookahead",
     "Nesterov's gradient is the one at the point where the velocity leads. The usual "
     "form estimates it from the slope here, which is not the same."},
    {"line_search",
     "Where to stop along the slope is computed at each step: the secant for smooth "
     "surfaces, the golden section for those with kinks."},
    {"regression",
     "A line fitted to points: mean squared, root mean squared and mean absolute error "
     "over its two parameters."},
};

/// The search surfaces with one plain walk each.
Chapter plain_walks(const Noise& noise) {
  Chapter chapter{.key = "surfaces",
                  .title = "The search surfaces",
                  .text =
                      "Quadratic, cubic, saddle, turned saddle, ramp and elliptic, with coarse "
                      "and fine noise on the losses, and one walk of plain gradient descent "
                      "over each."};
  for (const Surface& surface : search_surfaces())
    chapter.scenes.push_back(
        scene(chapter.key, "SGD lr 10", {surface, {.noise = noise}}, {racer("sgd:lr=10")}));
  for (Scene& scene : chapter.scenes) scene.animated = false;
  return chapter;
}

Chapter of_family(Family family, const Noise& noise) {
  Chapter chapter{.key = family.key, .title = family.title, .text = kTexts.at(family.key)};
  for (Heat& heat : family.heats) {
    heat.options.noise = noise;
    chapter.scenes.push_back(scene(family.key, family.title, heat, family.racers));
  }
  return chapter;
}

/// The usual test functions, each optimizer at the rate that suits it best.
Chapter tuned(const std::vector<Racer>& racers) {
  const std::set<std::string> animated{"rosenbrock", "beale", "himmelblau"};
  Chapter chapter{.key = "tuned",
                  .title = "Everyone at their best rate",
                  .text =
                      "Which rate is fair? Here each optimizer has the best of 200, for each of "
                      "the usual test functions."};
  std::vector<Surface> stages = test_functions();
  // Where nothing is lowest, no rate is best.
  std::erase_if(stages, [](const Surface& surface) { return surface.minima.empty(); });
  Progress progress(stages.size() * racers.size());
  for (const Surface& surface : stages) {
    const TunedRacers fair = tuned(surface, racers, {}, progress);
    Scene& added = chapter.scenes.emplace_back(scene(chapter.key, "Tuned", {surface}, fair.racers));
    added.caption += " " + fair.sentence;
    added.animated = animated.contains(surface.name);
  }
  return chapter;
}

/// AdaGrad's full matrix against its diagonal, as arrows.
GalleryJob arrows_picture(AdagradForm form, uint32_t seed) {
  const bool full = form == AdagradForm::Full;
  return {
      full ? "adagrad-full.png" : "adagrad-diagonal.png", [=](const auto& file) {
        const auto pairs = adagrad_arrows(form, {.seed = seed});
        std::vector<Arrow> arrows;
        for (size_t t = 0; t < pairs.size(); ++t) {
          // The first and the last stand out.
          const double half = static_cast<double>(pairs.size()) / 2;
          const double off = static_cast<double>(t) + 1 - half;
          const double strength = std::min(1.0, off * off / (half * half) + 0.15);
          const auto add = [&](const Point& tip, const char* name, const char* group,
                               uint32_t color) {
            char norm[32];
            std::snprintf(norm, sizeof norm, "%.2f", std::hypot(tip.x, tip.y));
            arrows.push_back({.x = tip.x,
                              .y = tip.y,
                              .label = std::string("|") + name + std::to_string(t) + "| = " + norm,
                              .color = color,
                              .strength = strength,
                              .group = group});
          };
          add(pairs[t].g, "g", "gradient g", 0x6a6e76);
          add(pairs[t].v, "v", "step v", 0x00796b);
        }
        draw_arrows(arrows, file,
                    {.title = full ? "AdaGrad with the full matrix" : "AdaGrad with the diagonal",
                     .caption = "Eight gradients, uniform in [0, 0.5) x [0, 2), RandomState(" +
                                std::to_string(seed) + "). The first and the last stand out.",
                     .x_name = "first parameter",
                     .y_name = "second parameter"});
      }};
}

std::string image(const std::string& still, const std::string& moving, const std::string& alt) {
  const std::string fallback = "<img loading=\"lazy\" src=\"" + (moving.empty() ? still : moving) +
                               "\" alt=\"" + escaped_html(alt) + "\">";
  if (moving.empty()) return fallback;
  return "<picture><source srcset=\"" + still + "\" media=\"(prefers-reduced-motion: reduce)\">" +
         fallback + "</picture>";
}

std::string link(const std::string& file, const std::string& text) {
  return "<a href=\"" + file + "\">" + text + "</a>";
}

std::string figure(const std::string& picture, const std::string& title, const std::string& caption,
                   const std::string& files) {
  return "<figure>" + picture + "<figcaption><b>" + escaped_html(title) + "</b> " +
         escaped_html(caption) +
         (files.empty() ? "" : "<span class=\"files\">" + files + "</span>") +
         "</figcaption></figure>\n";
}

/// What a chapter writes, and its part of the index.
struct ChapterPart {
  std::vector<GalleryJob> jobs;
  std::string html;
};

ChapterPart part_of(const Chapter& chapter) {
  ChapterPart part;
  const auto go_on = [](int64_t, int64_t) { return !interrupted(); };
  const std::string page = chapter.key + ".html";
  part.html = "<section id=\"" + chapter.key + "\"><h2>" + escaped_html(chapter.title) +
              "</h2>\n<p>" + escaped_html(chapter.text) + "</p>\n<p class=\"open\">" +
              link(page, "Turn it, play it &rarr;") + "</p>\n<div class=\"exhibits\">\n";
  part.jobs.push_back({page, [&chapter](const auto& file) {
                         std::vector<Panel> panels;
                         for (const Scene& scene : chapter.scenes) panels.push_back(panel(scene));
                         draw_page(panels, file, {.title = chapter.title, .caption = chapter.text});
                       }});
  for (const Scene& scene : chapter.scenes) {
    const auto still = [&](const std::string& suffix, const auto& write) {
      const std::string file = scene.key + suffix;
      part.jobs.push_back({file, write});
      return file;
    };
    const std::string png = still(".png", [&scene](const auto& file) { draw(scene, file); });
    const std::string gif =
        scene.animated
            ? still(".gif", [&scene, go_on](const auto& file) { draw(scene, file, go_on); })
            : "";
    const std::string csv = still(".csv", [&scene](const auto& file) { save(scene.tracks, file); });
    std::string losses =
        still("-loss.png", [&scene](const auto& file) { draw_losses(scene, file, false); });
    std::string files = link(png, "picture");
    if (scene.animated) files += " &middot; " + link(gif, "animation");
    files += " &middot; " + link(losses, "losses");
    if (has_positive_loss(scene))
      files +=
          " &middot; " + link(still("-log-loss.png",
                                    [&scene](const auto& file) { draw_losses(scene, file, true); }),
                              "losses, logarithmic");
    files += " &middot; " + link(csv, "numbers");
    part.html += figure(image(png, gif, scene.title), scene.title, scene.caption, files);
    if (chapter.key == "joint") {
      const std::string moving = still("-loss.gif", [&scene, go_on](const auto& file) {
        draw_losses(scene, file, false, go_on);
      });
      part.html += figure(image(losses, moving, scene.title + ", losses"),
                          scene.title + ", loss over the steps", "", "");
    }
  }
  part.html += "</div></section>\n";
  return part;
}

/// Three methods that look for the rate and the momentum of SGD, and the look ahead.
ChapterPart choosing(uint64_t seed) {
  ChapterPart part;
  part.html =
      "<section id=\"choosing\"><h2>Choosing a rate</h2>\n<p>Forty trials of a hundred steps of "
      "SGD on Rosenbrock's valley, by three methods that choose rate and momentum. Chance wanders; "
      "the other two learn from each trial, and end in the corner where both numbers fit each "
      "other. <code>descent tune</code> draws the same of any network.</p>\n<div "
      "class=\"exhibits\">\n";
  TaskOptions options{.surface = "rosenbrock", .optimizer = "sgd"};
  const std::shared_ptr<Task> task = make_task(options);
  const auto add = [&](const std::string& file, const std::string& title,
                       const std::string& caption, const auto& write) {
    part.jobs.push_back({file, write});
    part.html += figure(image(file, "", title), title, caption, "");
  };
  for (const auto& [method, title] : {std::pair{Method(RandomSearch{.rounds = 1}), "Random search"},
                                      {Method(Tpe{}), "Tree-structured Parzen estimator"},
                                      {Method(Bayes{}), "Gaussian process"}}) {
    const std::string key = "choosing-" + to_text(method).substr(0, to_text(method).find(':'));
    const auto study = std::make_shared<const Trials>(tune(
        parse_space("lr=log:1e-5:0.1,momentum=range:0:0.99"),
        [&](Trial& trial) { return train(*task, task->usual_steps(), trial, /*alone=*/false); },
        {.method = method, .trials = 40, .seed = seed}));
    const std::string best = "Least loss " + to_text(study->trials[study->best()].value) + ".";
    for (const StudyView view : {StudyView::History, StudyView::Contours})
      add(key + (view == StudyView::History ? "-history.png" : "-map.png"), title,
          view == StudyView::History ? best : "The loss over both, smoothed between the trials.",
          [study, view, title = std::string(title)](const auto& file) {
            draw(*study, file,
                 {.width = 1000,
                  .height = view == StudyView::History ? 620 : 820,
                  .title = title,
                  .view = view});
          });
  }
  const auto training = std::shared_ptr<Training>(task->begin({}));
  const auto curve = std::make_shared<const RateCurve>(
      range_test(training->optimizer(), [training] { return training->evaluate(); }));
  add("choosing-range.png", "Range test",
      "One training whose rate grows from step to step, and three readings of its losses.",
      [curve](const auto& file) { draw(*curve, file, {.title = "Range test of SGD"}); });
  part.html += "</div></section>\n";
  return part;
}

/// Does all jobs, the long ones first, on several threads; the first error is thrown.
void run(std::vector<const GalleryJob*> jobs, int threads, const OutputFolder& output,
         Progress& progress) {
  std::stable_partition(jobs.begin(), jobs.end(),
                        [](const GalleryJob* job) { return job->file.ends_with(".gif"); });
  const auto write = [&](int, int64_t k, const tensors::Pulse&) {
    const GalleryJob& job = *jobs[static_cast<size_t>(k)];
    job.write(output / job.file);
    progress.step(job.file);
  };
  tensors::for_each_item(threads, static_cast<int64_t>(jobs.size()), write, {});
}

}  // namespace

void write_gallery(const GallerySettings& settings, std::ostream& out) {
  OutputFolder output(settings.out, settings.force);
  const Noise noise(settings.seed);
  std::vector<Chapter> chapters;
  size_t racers = 0, races = 0;
  const Family joint = find_family("joint");
  chapters.push_back(of_family(joint, noise));
  chapters.push_back(plain_walks(noise));
  for (Family& family : families())
    if (family.key != joint.key) chapters.push_back(of_family(std::move(family), noise));
  chapters.push_back(tuned(joint.racers));

  std::vector<ChapterPart> parts;
  std::string contents;
  for (const Chapter& chapter : chapters) {
    parts.push_back(part_of(chapter));
    contents += link("#" + chapter.key, escaped_html(chapter.title)) + "\n";
    races += chapter.scenes.size();
    for (const Scene& scene : chapter.scenes) racers += scene.tracks.size();
  }
  ChapterPart& arrows = parts.emplace_back();
  contents += link("#arrows", "AdaGrad, full and diagonal") + "\n";
  arrows.jobs = {arrows_picture(AdagradForm::Full, 32), arrows_picture(AdagradForm::Diagonal, 53)};
  arrows.html =
      "<section id=\"arrows\"><h2>AdaGrad, full and diagonal</h2>\n<p>What AdaGrad makes of eight "
      "gradients. With the full matrix the first step has length 1, whatever its gradient; with "
      "the "
      "diagonal each of its two numbers has.</p>\n<div class=\"exhibits\">\n" +
      figure(image(arrows.jobs[0].file, "", "Arrows of gradients and steps"), "Full matrix", "",
             "") +
      figure(image(arrows.jobs[1].file, "", "Arrows of gradients and steps"), "Diagonal", "", "") +
      "</div></section>\n";

  parts.push_back(choosing(settings.seed));
  contents += link("#choosing", "Choosing a rate") + "\n";

  std::string sections;
  std::vector<const GalleryJob*> jobs;
  for (const ChapterPart& part : parts) {
    sections += part.html;
    for (const GalleryJob& job : part.jobs) jobs.push_back(&job);
  }
  {
    Progress progress(jobs.size());
    const unsigned cores = std::max(1u, std::thread::hardware_concurrency());
    run(jobs, static_cast<int>(cores), output, progress);
  }
  write_atomically(output / kIndex, filled_html(std::string(embedded::gallery_page()),
                                                {{"races", std::to_string(races)},
                                                 {"racers", std::to_string(racers)},
                                                 {"contents", contents},
                                                 {"sections", sections},
                                                 {"seed", std::to_string(settings.seed)}}));
  output.publish();
  out << "open " << (output.path() / kIndex).string() << '\n';
}

}  // namespace descent::cli
