#pragma once
// Scripts of Python that begin with torch imported. PYTHON and PYTHON_SERVER are the interpreter and
// python_server.py.
#include <cstdio>
#include <stdexcept>
#include <string>

#include <sys/wait.h>
#include <unistd.h>

namespace python_server {

/// The process that imports torch, and ends with this program.
class Server {
 public:
  Server() {
    int to[2], from[2];
    if (::pipe(to) != 0 || ::pipe(from) != 0) throw std::runtime_error("no pipe");
    id_ = ::fork();
    if (id_ == 0) {
      ::dup2(to[0], STDIN_FILENO);
      ::dup2(from[1], STDOUT_FILENO);
      for (const int end : {to[0], to[1], from[0], from[1]}) ::close(end);
      ::execlp(PYTHON, PYTHON, PYTHON_SERVER, nullptr);
      ::_exit(127);
    }
    ::close(to[0]);
    ::close(from[1]);
    asks_ = ::fdopen(to[1], "w");
    answers_ = ::fdopen(from[0], "r");
  }
  ~Server() {
    std::fclose(asks_);
    std::fclose(answers_);
    ::waitpid(id_, nullptr, 0);
  }
  Server(const Server&) = delete;

  int run(const std::string& words) {
    std::fprintf(asks_, "%s\n", words.c_str());
    std::fflush(asks_);
    int status = 0;
    return std::fscanf(answers_, "%d", &status) == 1 ? status : -1;
  }

 private:
  pid_t id_;
  std::FILE* asks_;
  std::FILE* answers_;
};

/// Runs "script.py argument ..." and returns its exit status; -1 if Python itself has ended.
inline int run(const std::string& words) {
  static Server server;
  return server.run(words);
}

}  // namespace python_server
