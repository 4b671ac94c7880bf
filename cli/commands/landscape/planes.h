#pragma once
#include <string>

#include "commands/landscape/job.h"

namespace CLI {
class App;
}

/// The plane, and the axes over it.
namespace descent::cli {

/// A kind of plane: its row in the table of planes.cpp is all that the program knows of it.
struct PlaneKind {
  const char* name;
  const char* follows;  ///< the name, ":FOLDER"; "": nothing
  const char* help;
  PlaneToDraw (*lay)(const Job& job);

  // What other options have to do with it.
  bool draws = false;            ///< at random, by --seed
  bool takes_norm = false;       ///< --norm
  bool derives = false;          ///< the loss, for which it needs the same statistics everywhere
  bool moves_statistics = true;  ///< by directions of its own, as --batch-norm interpolate asks
};

void add_plane(CLI::App& command, Job& job);

/// Throws std::invalid_argument for options that do not fit the plane.
void check_plane(const Job& job);

/// The plane of a job, and the axes that were asked for or suit it.
PlaneToDraw lay_plane(const Job& job);

/// For the plane of eigenvectors, and the numbers beside a landscape.
CurvatureOptions curvature_options(const Job& job, Progress& progress, const std::string& what);

}  // namespace descent::cli
