#include "processes.h"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <thread>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

namespace processes {
namespace {

std::map<std::string, std::function<void(const Arguments&)>>& roles() {
  static std::map<std::string, std::function<void(const Arguments&)>> all;
  return all;
}

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

constexpr double kLongest = 240;  // seconds until a test gives a process up

}  // namespace

Role::Role(const char* name, std::function<void(const Arguments&)> work) {
  roles()[name] = std::move(work);
}

void say(const std::string& text) {
  std::printf("%s\n", text.c_str());
  std::fflush(stdout);
}

Folder::Folder() {
  std::string name = (std::filesystem::temp_directory_path() / "descent-shared-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
  path_ = name;
}

Variables place(int rank, int size, int port) {
  return {{"RANK", std::to_string(rank)},
          {"WORLD_SIZE", std::to_string(size)},
          {"MASTER_ADDR", "127.0.0.1"},
          {"MASTER_PORT", std::to_string(port)}};
}

size_t Running::start(const std::string& role, const Arguments& arguments,
                      const Variables& variables, const std::string& program) {
  std::vector<std::string> words{"role", "--role", role};
  words.insert(words.end(), arguments.begin(), arguments.end());
  // Each process has one thread, and c10d keeps its warnings to itself. It asks for the names of
  // addresses: a server of names that lets a question fall would take five seconds each time.
  Variables all = variables;
  all.insert({{"OMP_NUM_THREADS", "1"},
              {"TORCH_CPP_LOG_LEVEL", "ERROR"},
              {"RES_OPTIONS", "timeout:1 attempts:1"}});
  std::vector<std::string> pairs;
  for (char** pair = environ; *pair != nullptr; ++pair)
    if (all.count(std::string(*pair).substr(0, std::string(*pair).find('='))) == 0)
      pairs.emplace_back(*pair);
  for (const auto& [name, value] : all) pairs.push_back(name + "=" + value);
  const auto pointers = [](std::vector<std::string>& texts) {
    std::vector<char*> list;
    for (std::string& text : texts) list.push_back(text.data());
    list.push_back(nullptr);
    return list;
  };

  Process process;
  process.file = (std::filesystem::temp_directory_path() / "descent-said-XXXXXX").string();
  const int fd = ::mkstemp(process.file.data());
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, fd, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, fd, STDERR_FILENO);
  process.begun = now();
  const int error = ::posix_spawn(&process.id, program.c_str(), &actions, nullptr,
                                  pointers(words).data(), pointers(pairs).data());
  posix_spawn_file_actions_destroy(&actions);
  ::close(fd);
  if (error != 0) throw std::runtime_error(program + ": " + std::strerror(error));
  processes_.push_back(process);
  return processes_.size() - 1;
}

/// Without c10d's warnings, "[W1130 23:56:12.752268118 socket.cpp:207] [c10d] The hostname of ...".
std::string Running::said_by(const Process& process) const {
  std::ifstream file(process.file);
  std::string text;
  for (std::string line; std::getline(file, line);)
    if (!line.starts_with("[W")) text += line + (file.eof() ? "" : "\n");
  return text;
}

void Running::signal(size_t process, int number) {
  if (processes_[process].id > 0) ::kill(processes_[process].id, number);
}

void Running::await(size_t process, const std::string& text) {
  for (const double end = now() + kLongest;
       said_by(processes_[process]).find(text) == std::string::npos;) {
    if (now() > end) throw std::runtime_error("a process has not said " + text);
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

Ended Running::end(size_t number) {
  Process& process = processes_[number];
  Ended ended;
  int status = 0;
  for (const double end = process.begun + kLongest; ::waitpid(process.id, &status, WNOHANG) == 0;) {
    if (now() > end) ::kill(process.id, SIGKILL);
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  process.id = 0;
  ended.seconds = now() - process.begun;
  if (WIFEXITED(status)) ended.code = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) ended.signal = WTERMSIG(status);
  ended.said = said_by(process);
  return ended;
}

Running::~Running() {
  for (Process& process : processes_) {
    if (process.id > 0) {
      ::kill(process.id, SIGKILL);
      ::waitpid(process.id, nullptr, 0);
    }
    std::filesystem::remove(process.file);
  }
}

std::vector<Ended> world(const std::string& role, int size, const Arguments& arguments,
                         const Variables& more) {
  Running running;
  const int port = free_port();
  for (int rank = 0; rank < size; ++rank) {
    Variables variables = place(rank, size, port);
    variables.insert(more.begin(), more.end());
    running.start(role, arguments, variables);
  }
  std::vector<Ended> all;
  for (int rank = 0; rank < size; ++rank) all.push_back(running.end(rank));
  return all;
}

}  // namespace processes

int main(int argc, char** argv) {
  if (argc > 2 && std::strcmp(argv[1], "--role") == 0) {
    try {
      processes::roles().at(argv[2])({argv + 3, argv + argc});
      return 0;
    } catch (const std::exception& e) {
      processes::say(e.what());
      return 1;
    }
  }
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
