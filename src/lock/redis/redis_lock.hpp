/// Locks that replicas share through a Redis server: a key per name, whose value is the holder's token and whose life is the lease's.
/// Exclusion against the reference's replicas too, which take the same keys.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "ports/lock.hpp"
#include "redis/connection.hpp"

namespace baton {

struct RedisLockOptions {
  redis::ConnectionOptions server;  ///< REDIS_HOST, _PORT, _USER, _PASSWORD; the reference keeps its locks in db 1
  std::string replica;              ///< the beginning of its tokens, `<replica>:<uuid>`: whose lock it is can be seen
  /// Names waited for with a subscription; who waits beyond that looks as if the subscription was down.
  std::size_t subscriptions_max = 1000;
  /// How often a waiter looks at the key by itself: the reference frees without telling, and a message may be lost.
  core::Duration look_every = std::chrono::seconds(1);
  core::Duration look_every_unheard = std::chrono::milliseconds(250);  ///< … while nothing can be heard of it
  /// Once an outage, and once it is over: for the log.
  std::function<void(const Error&)> trouble = [](const Error&) {};
  std::function<void()> recovered = [] {};
};

/// Since the start of this replica.
struct RedisLockCounts {
  std::uint64_t acquired = 0;
  std::uint64_t held = 0;         ///< refused: another holds it
  std::uint64_t lost = 0;         ///< found out by a renewal
  std::uint64_t unavailable = 0;  ///< questions that Redis did not answer
  std::uint64_t outages = 0;      ///< as told to `trouble`
};

/// One replica's way to them. A call waits for Redis no longer than the server's time-out; while Redis is away it is answered at once.
/// A replica that goes leaves its leases to expire, or to be taken over.
/// All on the one thread that runs the executor's context; to be destroyed before that context.
class RedisLock final : public Lock {
 public:
  RedisLock(Runtime& runtime, boost::asio::any_io_executor executor, RedisLockOptions options);
  /// Closes its connections; waiting calls end soon, with lock.unavailable.
  ~RedisLock() override;
  RedisLock(const RedisLock&) = delete;
  RedisLock& operator=(const RedisLock&) = delete;

  /// Connects in the background, so that is_up() tells before the first question.
  void start();
  [[nodiscard]] bool is_up() const;
  [[nodiscard]] const RedisLockCounts& counts() const;

  /// An acquisition without an answer may have happened: it is released as soon as Redis answers again.
  awaitable<Result<Lease>> acquire(std::string name, core::Duration life) override;
  awaitable<Result<Lease>> renew(Lease lease, core::Duration life) override;
  /// Redis away: as soon as it answers again, if the lease has not ended by then.
  awaitable<void> release(Lease lease) override;
  /// Returns at a release by any Baton at once; at another's, after look_every. Redis away: after look_every_unheard.
  awaitable<void> until_free(std::string name, core::Duration at_most) override;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace baton
