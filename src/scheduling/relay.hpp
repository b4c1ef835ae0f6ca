/// Publishes what commits left in the outbox: at once what this replica committed, and later what nobody came to publish (design "Relay").
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "ports/events.hpp"
#include "ports/runtime.hpp"
#include "ports/store.hpp"

namespace baton {

struct RelayOptions {
  core::Duration old = std::chrono::seconds(5);  ///< what is in the outbox for longer was left by a replica that died, or failed
  std::size_t batch_max = 500;
  std::function<void(const Error&)> trouble = [](const Error&) {};
};

class Relay {
 public:
  Relay(Runtime& runtime, Store& store, Events& events, RelayOptions options);

  /// Publishes these soon, in the order given, beside the caller. Never fails: what cannot be published stays in the outbox.
  void tell(std::vector<Outgoing> messages);
  /// Begins to publish what is old, beside the caller, who must not wait for a slow broker; nothing while the sweep before goes on. The
  /// manager calls it, so mostly one replica at a time: of two sweeps that meet, each tells what the other does (at least once).
  void sweep();
  /// Returns when what is under way has been published, or has failed. Nothing is begun from now on.
  awaitable<void> stop();

 private:
  awaitable<void> work();
  awaitable<void> sweep_all();
  awaitable<bool> publish(std::vector<Outgoing> messages);

  Store& store_;
  Events& events_;
  RelayOptions options_;
  std::unique_ptr<Gate> gate_;
  std::vector<Outgoing> waiting_;  ///< committed here, to be published; bounded: what is beyond is left to the sweep
  bool working_ = false, sweeping_ = false, stopping_ = false;
};

}  // namespace baton
