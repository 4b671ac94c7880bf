#pragma once
#include <filesystem>
#include <optional>
#include <string>

#include <descent/base/fields.h>
#include <descent/grid/trials.h>

namespace descent {

/// What a picture of a study shows.
///   All        all of the others
///   History    the losses in the order of the trials, and the best so far
///   Slices     the losses over each parameter
///   Contours   for each pair of parameters a map of the loss, smoothed between the trials
///   Parallel   each trial as a line over one axis for each parameter and one for the loss
DESCENT_ENUM(StudyView, All, History, Slices, Contours, Parallel)

struct StudyPictureOptions {
  int width = 0, height = 0;  ///< pixels, 200 to 4096; 0: as the view needs
  std::string title{};        ///< UTF-8, one line above the picture
  std::string caption{};      ///< UTF-8, below the picture in small print, ahead of the best trial
  StudyView view = StudyView::All;
  /// A logarithmic axis of losses; none: where all are positive and spread over more than 100 times.
  std::optional<bool> log{};
};

/// Writes a picture of the trials of a search; a Study is taken as it is:
///
///   draw(study, "study.png");   draw(study, "slices.svg", {.view = StudyView::Slices});
///
/// The best trial has a star, in parallel coordinates a red line. Trials that were given up are
/// hollow, losses that are not finite crosses at the upper border, and a few losses far above the
/// rest lie on that border. The same trials give the same bytes. The extension decides:
///   .png    pixels
///   .svg    lines and text as vectors
///   .html   an interactive page that needs no network: a trial that is pointed at is marked in all
///           of its pictures, with its values; and a table of all trials
/// Throws std::invalid_argument for another extension, trials that check() refuses or of which none
/// has a finite value, Contours of one parameter, negative values if `log`, and options out of
/// range; std::runtime_error if the file cannot be written.
void draw(const Trials& trials, const std::filesystem::path& path,
          const StudyPictureOptions& options = {});

struct RatePictureOptions {
  int width = 1200, height = 700;  ///< pixels, 200 to 4096
  std::string title{};             ///< UTF-8
  std::string caption{};           ///< UTF-8
};

/// Writes a picture of a range test, .png, .svg or .html as above, the page with a table of all steps:
/// losses over rates, their mean, and the three suggestions. A RangeTest is taken as it is. Throws std::invalid_argument unless there are two
/// rates or more, all lists have one length and some smoothed loss is finite, and as above.
void draw(const RateCurve& curve, const std::filesystem::path& path,
          const RatePictureOptions& options = {});

/// Writes a picture of a population in the same formats, the page with a table of what each member had
/// from one comparison to the next: the members over the steps, coloured by their losses, with who
/// copied whom; below, the hyperparameters of all members. What led to the best
/// member is red: its schedule. A Population is taken as it is. Throws as above.
void draw(const Lineage& lineage, const std::filesystem::path& path,
          const RatePictureOptions& options = {});

}  // namespace descent
