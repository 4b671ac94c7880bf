#pragma once
#include <cerrno>
#include <stdexcept>
#include <system_error>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace processes {

/// A port of this machine that nobody listened at a moment ago.
inline int free_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  const bool known = ::bind(fd, any, length) == 0 && ::getsockname(fd, any, &length) == 0;
  const int error = errno;
  ::close(fd);
  if (!known) throw std::system_error(error, std::generic_category(), "no port is free");
  return ntohs(address.sin_port);
}

}  // namespace processes
