/// One HTTP/1.1 connection at a time, over Boost.Beast: asks, and reads streams. Tries nothing twice, except where a connection that was
/// kept turns out to have been closed meanwhile.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "client/address.hpp"
#include "core/model.hpp"
#include "core/result.hpp"

namespace baton::client {

template <class T>
using awaitable = boost::asio::awaitable<T>;

struct HttpLimits {
  core::Duration connect = std::chrono::seconds(2);
  core::Duration answer = std::chrono::seconds(10);
  core::Duration silence = std::chrono::seconds(30);  ///< of a stream; its server says something every 10 s
};

struct Call {
  std::string method;
  std::string target;
  std::string body;           ///< JSON; empty: none
  std::string last_event_id;  ///< empty: none
};

struct Answer {
  unsigned status = 0;
  std::string body;
  std::map<std::string, std::string> fields;  ///< names in lower case
};

/// Calls of one object must not overlap. Errors of all: server.silent (no connection, broken off, or nothing in time) ·
/// server.bad_answer (it does not speak HTTP) · server.closed.
class Http {
 public:
  Http(boost::asio::any_io_executor executor, HttpLimits limits);
  ~Http();
  Http(const Http&) = delete;
  Http& operator=(const Http&) = delete;

  /// Keeps the connection, for the next call to the same server.
  awaitable<Result<Answer>> ask(Address server, std::string token, Call call);
  /// Begins to read a stream: an answer of status 200 has no body yet. On a connection of its own.
  awaitable<Result<Answer>> open(Address server, std::string token, Call call);
  /// The stream's next bytes; none: it ended well.
  awaitable<Result<std::string>> read();
  /// Hangs up; a call that waits ends with server.closed, as do all later ones.
  void close();

 private:
  struct Line;
  boost::asio::any_io_executor executor_;
  HttpLimits limits_;
  std::unique_ptr<Line> line_;
  bool closed_ = false;
};

}  // namespace baton::client
