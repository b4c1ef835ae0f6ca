/// Event and Gate of the real runtime.
#pragma once

#include <memory>
#include <vector>

#include "ports/runtime.hpp"

namespace boost::asio {
class io_context;
}

namespace baton {

class AsioEvent final : public Event {
 public:
  explicit AsioEvent(boost::asio::io_context& io);
  void notify() override;
  awaitable<void> wait() override;
  awaitable<bool> wait_for(core::Duration limit) override;

 private:
  struct State;
  static awaitable<bool> wait_on(std::shared_ptr<State> state, core::Duration limit);
  std::shared_ptr<State> state_;  // a waiter that is destroyed after its event still finds it
};

class AsioGate final : public Gate {
 public:
  /// @param down  set when the runtime ends with coroutines still inside: then a gate may go while it is not empty
  AsioGate(boost::asio::io_context& io, std::shared_ptr<const bool> down);
  ~AsioGate() override;
  void spawn(awaitable<void> body) override;
  awaitable<void> empty() override;

 private:
  struct State;
  boost::asio::io_context& io_;
  std::shared_ptr<const bool> down_;
  std::shared_ptr<State> state_;
};

}  // namespace baton
