/// A connection to a Redis server, shared by many coroutines: their commands go out together, the replies come back in order. It is kept:
/// lost, it is made again in the background; while the server is away commands are answered at once. Plain TCP, RESP2.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/result.hpp"
#include "redis/protocol.hpp"

namespace baton::redis {

struct ConnectionOptions {
  std::string host = "127.0.0.1";
  std::uint16_t port = 6379;
  std::string user;      ///< empty: the server's `default`
  std::string password;  ///< empty: no AUTH
  std::int32_t db = 0;
  std::string name;  ///< CLIENT SETNAME, for who looks at the server; empty: none
  /// Of one command from when it is given, and of one try to connect. A server that does not answer in it is given up: the connection is
  /// closed, all that waited on it fail.
  std::chrono::milliseconds time_out{1000};
  std::chrono::milliseconds retry_min{50};  ///< pause after the first try that failed; doubles, and varies by a quarter …
  std::chrono::milliseconds retry_max{2000};
  std::chrono::milliseconds ping_every{5000};  ///< so that a server that went silently is noticed without a command
  std::size_t waiting_max = 10'000;            ///< commands without a reply; more fail at once
};

/// All on the one thread that runs the executor's context; to be destroyed before that context.
class Connection {
 public:
  /// Called from within the connection's coroutines, or from `command` and `tell`: they only note, or send.
  struct Handlers {
    std::function<void()> up = [] {};                              ///< connected and greeted
    std::function<void(const Error&)> down = [](const Error&) {};  ///< each lost connection and each try that failed
    std::function<void(std::string channel, std::string message)>
        published;  ///< of channels that were subscribed to; not set: never
  };
  Connection(boost::asio::any_io_executor executor, ConnectionOptions options, Handlers handlers);
  Connection(boost::asio::any_io_executor executor, ConnectionOptions options);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Begins to connect, if it has not; a command does so too.
  void start();
  /// For good: commands that wait end with redis.unanswered, no handler is called any more.
  void close();
  [[nodiscard]] bool is_up() const;
  /// How often it was connected.
  [[nodiscard]] std::uint64_t connects() const;
  /// One command and its reply; Reply::Kind::error is the server's own answer. Given while the first try to connect is under way, it
  /// waits for that.
  /// Errors: redis.unavailable (it was not sent) · redis.unanswered (perhaps sent and done; time-out, or the connection was lost).
  boost::asio::awaitable<Result<Reply>> command(std::vector<std::string> words);
  /// A command whose reply nobody waits for; dropped while the connection is down.
  void tell(std::vector<std::string> words);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace baton::redis
