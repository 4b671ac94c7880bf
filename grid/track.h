#pragma once
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace descent {

/// The way of one optimizer over a surface: point 0 is the start, point k where step k led.
struct Track {
  std::string label{};   ///< UTF-8, short: "Adam"
  std::string detail{};  ///< UTF-8, what ran: "adamw:lr=1,eps_mode=hat"
  std::vector<double> x{}, y{};
  std::vector<double> losses{};  ///< at each point, on the surface as it is drawn (with its noise)
  std::vector<double> smooth_losses{};   ///< at each point, without noise
  std::vector<double> gradient_norms{};  ///< at each point from which a step was made
  std::string stopped{};  ///< why it ended before its last step: "diverged at step 37"; else ""
  bool diverged = false;  ///< its last point or the loss there is not finite
  int64_t left_at = -1;   ///< the first point outside of the surface's domain; -1: none

  /// Points before the one that is not finite: what can be drawn.
  size_t drawable() const;

  /// The same way over the logarithms of the losses: log 0 is -infinity, of a negative number NaN,
  /// both kept.
  Track log() const;
};

/// Throws std::invalid_argument that names `what` unless x, y, losses and smooth_losses have one
/// length n >= 1, gradient_norms has n - 1, and left_at is -1 or one of the points.
void check(const Track& track, const std::string& what);

/// Writes tracks, the format chosen by the extension:
///   .csv   "label,step,x,y,loss,smooth_loss,gradient_norm", one line a point with the shortest
///          digits that read back exactly; the norm of the last point is empty
///   .json  everything, laid out as grid/track.cpp says
///   .vtp   for ParaView and VTK: a line a track through the points (x, y, loss), each with "loss"
///          and "step", up to the first that is not finite
/// The file is complete or absent. std::invalid_argument: another extension, a track that check()
/// refuses, texts that are not UTF-8. std::runtime_error: the file cannot be written.
void save(std::span<const Track> tracks, const std::filesystem::path& path);

/// Reads what save() wrote as .json. Throws std::runtime_error naming the file and what is wrong
/// with it, which a checksum tells of files that have one, std::invalid_argument for another extension.
std::vector<Track> load_tracks(const std::filesystem::path& path);

}  // namespace descent
