#pragma once
// Tests with several processes: each runs a role of this program, which is started once more for it.
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include <sys/types.h>

#include "free_port.h"

namespace processes {

using Arguments = std::vector<std::string>;
using Variables = std::map<std::string, std::string>;

/// What a process does: what it says by say() and throws is what the test gets to see.
struct Role {
  Role(const char* name, std::function<void(const Arguments&)> work);
};
void say(const std::string& text);

/// A folder for a test, which goes away with this.
class Folder {
 public:
  Folder();
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { std::filesystem::remove_all(path_); }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

struct Ended {
  int code = 0;    ///< of exit; 1 if the role threw
  int signal = 0;  ///< that ended it, or 0
  double seconds = 0;
  std::string said{};  ///< and what it threw
};

/// RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT.
Variables place(int rank, int size, int port);

/// Processes that have been started, which end with this at the latest.
class Running {
 public:
  Running() = default;
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
  ~Running();

  size_t start(const std::string& role, const Arguments& arguments, const Variables& variables,
               const std::string& program = "/proc/self/exe");
  void signal(size_t process, int number);
  /// Waits, for minutes if it must, until it has said so.
  void await(size_t process, const std::string& text);
  Ended end(size_t process);

 private:
  struct Process {
    pid_t id = 0;
    std::string file{};
    double begun = 0;
  };
  std::string said_by(const Process& process) const;
  std::vector<Process> processes_;
};

/// All ranks of a world from the first to the last.
std::vector<Ended> world(const std::string& role, int size, const Arguments& arguments = {},
                         const Variables& more = {});

}  // namespace processes
