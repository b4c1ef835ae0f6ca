/// The Runtime of a real process: one io_context on the thread that calls run(), real clocks, threads for what may block.
#pragma once

#include <memory>

#include "ports/runtime.hpp"

namespace boost::asio {
class io_context;
}

namespace baton {

class AsioRuntime final : public Runtime {
 public:
  struct Options {
    /// Work of Lane::store runs at once, on the loop itself. A commit to SQLite in WAL mode costs about as much as the two hops between
    /// threads; on a slow disk the loop then stalls for as long as the commit takes.
    bool store_inline = false;
  };
  AsioRuntime();
  explicit AsioRuntime(Options options);
  /// Waits for blocking work that has begun; coroutines that still wait are destroyed where they stand.
  ~AsioRuntime() override;
  AsioRuntime(const AsioRuntime&) = delete;
  AsioRuntime& operator=(const AsioRuntime&) = delete;

  /// Runs until every coroutine has ended, or stop() was called.
  void run();
  /// Runs `body`, and whatever it spawns, until `body` has ended. Its exception is thrown on to the caller.
  void run(awaitable<void> body);
  /// run() returns as soon as it can; nothing more is resumed. Only to be called on the loop's thread.
  void stop();
  /// For adapters that own sockets, descriptors, signals. Its thread is the one that calls run().
  [[nodiscard]] boost::asio::io_context& io();

  core::Instant wall() override;
  core::Duration steady() override;
  /// Counts CLOCK_MONOTONIC: a suspended machine sleeps longer, and wakes to a steady() that has moved on.
  awaitable<void> sleep(core::Duration how_long) override;
  std::unique_ptr<Gate> gate() override;
  std::unique_ptr<Event> event() override;
  std::uint64_t random() override;
  std::string uuid() override;
  /// Threads are made when first needed: one for `store`, two for `files`. An exception of `work` is thrown on to the caller.
  awaitable<void> blocking(Lane lane, std::function<void()> work) override;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace baton
