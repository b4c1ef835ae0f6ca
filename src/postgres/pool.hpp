/// Connections that are shared by all coroutines of one thread. A caller has one for the time of one call; who finds none waits, first come,
/// first served. A connection with which a call failed half-way is closed, never lent again. While the server is away calls are answered
/// at once, and one of them now and then tries again.
#pragma once

#include <memory>

#include "postgres/types.hpp"

namespace baton::postgres {

struct PoolOptions {
  Options connection;
  std::size_t size = 8;
  Duration wait_limit = std::chrono::seconds(10);       ///< for a connection
  Duration away_limit = std::chrono::seconds(2);        ///< for one, while the server is away and somebody tries
  Duration retry_min = std::chrono::milliseconds(100);  ///< after a try that failed; doubles with each …
  Duration retry_max = std::chrono::seconds(2);         ///< … to here; less up to a half of it by chance
};

class Pool {
 public:
  Pool(boost::asio::any_io_executor executor, PoolOptions options);
  /// Closes all; who waits is answered by a failure when the loop turns.
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  /// One call, one round trip, one transaction: see Connection::run.
  awaitable<Answers> run(std::vector<Call> calls);
  /// No call begins any more; returns when those under way have ended and all connections are closed.
  awaitable<void> close();

  struct Figures {
    std::size_t open = 0;     ///< connections, those being made included
    std::size_t in_use = 0;   ///< lent, or being made
    std::size_t waiting = 0;  ///< callers
    std::uint64_t connects = 0;
    std::uint64_t losses = 0;  ///< connections that broke, and tries that failed
    bool away = false;         ///< the last try to connect failed
  };
  [[nodiscard]] Figures figures() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace baton::postgres
