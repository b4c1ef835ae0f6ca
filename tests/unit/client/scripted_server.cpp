#include "scripted_server.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <utility>

namespace baton::client {

std::string answer(int status, const std::string& body, const std::string& fields) {
  return "HTTP/1.1 " + std::to_string(status) + " Scripted\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" + fields +
         "\r\n" + body;
}
std::string event_stream() { return "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"; }
std::string chunk(const std::string& text) {
  std::array<char, 20> size{};
  std::snprintf(size.data(), size.size(), "%zx\r\n", text.size());
  return size.data() + text + "\r\n";
}

ScriptedServer::ScriptedServer(std::vector<Line> script) : script_(std::move(script)) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  stop_ = ::eventfd(0, EFD_CLOEXEC);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(listener_, 16) != 0 ||
      ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0)
    std::abort();
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { serve(); });
}

ScriptedServer::~ScriptedServer() {
  const std::uint64_t one = 1;
  if (::write(stop_, &one, sizeof one) != sizeof one) std::abort();
  thread_.join();
  for (const int each : hanging_) ::close(each);
  ::close(listener_);
  ::close(stop_);
}

std::vector<std::string> ScriptedServer::requests() const {
  const std::lock_guard lock(mutex_);
  return requests_;
}

void ScriptedServer::serve() {
  for (;;) {
    std::array<pollfd, 2> waits{{{listener_, POLLIN, 0}, {stop_, POLLIN, 0}}};
    if (::poll(waits.data(), waits.size(), -1) < 0) continue;
    if (waits[1].revents != 0) return;
    const int connection = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (connection >= 0) talk(connection);
  }
}

void ScriptedServer::talk(int connection) {
  while (next_ < script_.size() && request_from(connection)) {
    const auto& line = script_[next_++];
    std::string_view bytes = line.bytes;
    while (!bytes.empty()) {
      const auto sent = ::send(connection, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) break;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    if (line.then == Line::Then::keep) continue;
    if (line.then == Line::Then::hang) {
      hanging_.push_back(connection);
      return;
    }
    if (line.then == Line::Then::reset) {
      const linger at_once{.l_onoff = 1, .l_linger = 0};
      ::setsockopt(connection, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    }
    break;
  }
  ::close(connection);
}

/// False: the connection has ended, or the test has.
bool ScriptedServer::request_from(int connection) {
  std::string text;
  std::size_t wanted = std::string::npos;
  while (text.size() < wanted) {
    std::array<pollfd, 2> waits{{{connection, POLLIN, 0}, {stop_, POLLIN, 0}}};
    if (::poll(waits.data(), waits.size(), -1) < 0) continue;
    if (waits[1].revents != 0) return false;
    std::array<char, 4096> block;
    const auto got = ::recv(connection, block.data(), block.size(), 0);
    if (got <= 0) return false;
    text.append(block.data(), static_cast<std::size_t>(got));
    const auto end = text.find("\r\n\r\n");
    if (end == std::string::npos) continue;
    const auto length = text.find("Content-Length: ");
    const auto body = length < end ? std::strtoul(text.c_str() + length + 16, nullptr, 10) : 0;
    wanted = end + 4 + body;
  }
  const std::lock_guard lock(mutex_);
  requests_.push_back(text);
  return true;
}

}  // namespace baton::client
