/// One connection's socket and session. Only for .cpp files: it brings Asio's sockets along.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <string>

#include "amqp/session.hpp"

namespace baton::amqp {

/// Held by its reader, writer and ticker, which end when it is dead.
struct Link {
  Link(const boost::asio::any_io_executor& executor, Session::Login login);
  boost::asio::ip::tcp::socket socket;
  Session session;
  boost::asio::steady_timer wake_writer, wake_ticker;
  std::size_t writing = 0;  ///< bytes
  bool is_dead = false;
  int why_code = 0;  ///< as Session::Closed
  std::string why;

  /// Closes the socket. The first reason counts.
  void die(int code, std::string text);
};

/// Connects its socket; a host's name is looked up by Asio's own thread. Gives what went wrong; empty: connected.
[[nodiscard]] boost::asio::awaitable<std::string> connect(std::shared_ptr<Link> link, std::string host, std::uint16_t port,
                                                          std::chrono::milliseconds limit);

}  // namespace baton::amqp
