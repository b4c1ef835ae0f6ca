#include "runtime/simulated/simulated_runtime.hpp"

#include <vector>

namespace baton {

class SimulatedEvent final : public Event {
 public:
  explicit SimulatedEvent(World& world) : world_(world), state_(std::make_shared<State>()) {}

  void notify() override {
    bool any = false;
    for (const auto& place : std::exchange(state_->waiting, {})) any |= world_.wake(place);
    // Those who have crashed meanwhile, or whose time has passed, did not take it.
    if (!any) state_->notified = true;
  }
  awaitable<void> wait() override { co_await wait_for(World::forever); }
  awaitable<bool> wait_for(core::Duration limit) override {
    const auto state = state_;
    if (std::exchange(state->notified, false)) co_return true;
    const bool notified = co_await world_.wait(limit, [state](World::Place place) { state->waiting.push_back(place); });
    // Notified after the time had passed and before we ran: nobody else has taken it.
    co_return notified || std::exchange(state->notified, false);
  }

 private:
  struct State {
    bool notified = false;
    std::vector<World::Place> waiting;  // some may wait no more
  };
  World& world_;
  std::shared_ptr<State> state_;  // a waiting coroutine may outlive the event by the rest of a step
};

namespace {

class SimulatedGate final : public Gate {
 public:
  SimulatedGate(World& world, World::Who who) : world_(world), who_(who), empty_(world) {}
  ~SimulatedGate() override { BATON_ASSERT(inside_ == 0 || !world_.alive(who_)); }
  void spawn(awaitable<void> body) override {
    ++inside_;
    world_.spawn(who_, std::move(body), [this] {
      if (--inside_ == 0) empty_.notify();
    });
  }
  awaitable<void> empty() override {
    while (inside_ != 0) co_await empty_.wait();
  }

 private:
  World& world_;
  World::Who who_;
  std::uint64_t inside_ = 0;
  SimulatedEvent empty_;
};

}  // namespace

SimulatedRuntime::SimulatedRuntime(World& world, World::Who who, core::Duration skew) : world_(world), who_(who), skew_(skew) {}

std::unique_ptr<Gate> SimulatedRuntime::gate() { return std::make_unique<SimulatedGate>(world_, who_); }
std::unique_ptr<Event> SimulatedRuntime::event() { return std::make_unique<SimulatedEvent>(world_); }

std::string SimulatedRuntime::uuid() {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text = "xxxxxxxx-xxxx-4xxx-yxxx-xxxxxxxxxxxx";
  std::uint64_t bits = 0;
  int left = 0;
  for (auto& c : text) {
    if (c != 'x' && c != 'y') continue;
    if (left == 0) {
      bits = world_.random();
      left = 16;
    }
    const auto digit = bits & 15U;
    c = digits[c == 'x' ? digit : 8U + (digit & 3U)];
    bits >>= 4U;
    --left;
  }
  return text;
}

awaitable<void> SimulatedRuntime::blocking(Lane, std::function<void()> work) {
  co_await world_.sleep(core::Duration::zero());
  work();
}

}  // namespace baton
