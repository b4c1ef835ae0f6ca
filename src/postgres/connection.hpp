/// One connection to a server, for one coroutine at a time. libpq keeps the protocol, Asio says when the socket is ready.
#pragma once

#include <memory>
#include <optional>

#include "postgres/types.hpp"

namespace baton::postgres {

class Connection {
 public:
  static awaitable<Outcome<std::unique_ptr<Connection>>> open(boost::asio::any_io_executor executor, Options options);
  /// Tells the server that it is over; waits for nothing.
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// All of them in one round trip and, as nothing of them begins one, in one transaction: all are done or none. Each sees what was
  /// committed before it began (READ COMMITTED).
  awaitable<Answers> run(std::vector<Call> calls);
  /// Statements of a file, in the simple protocol; what they answer is dropped.
  awaitable<Outcome<void>> script(std::string sql);

  /// What came in meanwhile is read: false: the line is broken. After a call that failed it may still be fine.
  [[nodiscard]] bool usable();
  /// Now; who waits on it is told.
  void close();

 private:
  struct Parts;
  explicit Connection(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace baton::postgres
