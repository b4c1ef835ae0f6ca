/// Time, waiting, spawning, chance and blocking work. scheduling/ has these from here alone, so that one seed replays it all.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "core/model.hpp"
#include "core/result.hpp"

namespace baton {

template <class T>
using awaitable = boost::asio::awaitable<T>;

/// Counts the coroutines of a service. Destroyed only when empty.
class Gate {
 public:
  virtual ~Gate() = default;
  /// Runs `body` beside the caller. What it refers to must outlive the gate. An exception that leaves it stops the process: failures are
  /// results.
  virtual void spawn(awaitable<void> body) = 0;
  /// Waits until all have left. The owner has told them to leave before (a flag and an Event): nothing is cancelled.
  virtual awaitable<void> empty() = 0;
};

/// A flag that coroutines of one runtime wait for.
class Event {
 public:
  virtual ~Event() = default;
  /// Wakes all that wait; with nobody waiting, the next wait returns at once.
  virtual void notify() = 0;
  virtual awaitable<void> wait() = 0;
  /// True: notified (and the flag is taken). False: `limit` has passed.
  virtual awaitable<bool> wait_for(core::Duration limit) = 0;
};

class Runtime {
 public:
  virtual ~Runtime() = default;
  /// This host's wall clock: for stores without a clock of their own, and for people. Never compared with a store's.
  virtual core::Instant wall() = 0;
  /// CLOCK_BOOTTIME: for leases and deadlines of this process.
  virtual core::Duration steady() = 0;
  virtual awaitable<void> sleep(core::Duration how_long) = 0;
  virtual std::unique_ptr<Gate> gate() = 0;
  virtual std::unique_ptr<Event> event() = 0;
  virtual std::uint64_t random() = 0;
  /// RFC 4122 version 4.
  virtual std::string uuid() = 0;
  /// Runs `work` where it may block, and returns when it is done. Work is begun in the order given: that of `store` one at a time, that
  /// of `files` perhaps two at a time.
  enum class Lane : std::uint8_t { store, files };
  virtual awaitable<void> blocking(Lane lane, std::function<void()> work) = 0;
};

}  // namespace baton
