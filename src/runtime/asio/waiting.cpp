#include "runtime/asio/waiting.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstdio>
#include <cstdlib>
#include <exception>

namespace baton {
namespace asio = boost::asio;
namespace {

constexpr auto as_pair = asio::as_tuple(asio::use_awaitable);
// Longer waits would overflow the clock's nanoseconds; nobody lives to see the difference.
constexpr core::Duration wait_max = std::chrono::hours(24 * 365 * 10);

void stop_process(const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "baton: an exception left a coroutine: %s\n", error.what());
  } catch (...) {
    std::fprintf(stderr, "baton: an exception of unknown type left a coroutine\n");
  }
  std::abort();
}

}  // namespace

// One per wait, in the waiter's frame: a timer that the notifier cancels.
struct Waiter {
  asio::steady_timer timer;
  bool notified = false;
};

struct AsioEvent::State {
  explicit State(asio::io_context& context) : io(context) {}
  asio::io_context& io;
  bool set = false;
  std::vector<Waiter*> waiters;
};

AsioEvent::AsioEvent(asio::io_context& io) : state_(std::make_shared<State>(io)) {}

void AsioEvent::notify() {
  if (state_->waiters.empty()) {
    state_->set = true;
    return;
  }
  for (auto* waiter : std::exchange(state_->waiters, {})) {
    waiter->notified = true;
    waiter->timer.cancel();
  }
}

awaitable<bool> AsioEvent::wait_on(std::shared_ptr<State> state, core::Duration limit) {
  if (std::exchange(state->set, false)) co_return true;
  Waiter waiter{asio::steady_timer(state->io, std::min(limit, wait_max))};
  struct Registration {  // also undone when the frame is destroyed while it waits
    State& in;
    Waiter* waiter;
    ~Registration() { std::erase(in.waiters, waiter); }
  } registration{*state, &waiter};
  state->waiters.push_back(&waiter);
  co_await waiter.timer.async_wait(as_pair);
  co_return waiter.notified;
}

awaitable<void> AsioEvent::wait() {
  for (bool notified = false; !notified;) notified = co_await wait_on(state_, wait_max);
}

awaitable<bool> AsioEvent::wait_for(core::Duration limit) { return wait_on(state_, limit); }

struct AsioGate::State {
  explicit State(asio::io_context& io) : none_left(io) {}
  std::size_t inside = 0;
  AsioEvent none_left;
};

AsioGate::AsioGate(asio::io_context& io, std::shared_ptr<const bool> down)
    : io_(io), down_(std::move(down)), state_(std::make_shared<State>(io)) {}

AsioGate::~AsioGate() { BATON_ASSERT(state_->inside == 0 || *down_); }

void AsioGate::spawn(awaitable<void> body) {
  ++state_->inside;
  asio::co_spawn(io_, std::move(body), [state = state_](std::exception_ptr thrown) {
    if (thrown) stop_process(thrown);
    if (--state->inside == 0) state->none_left.notify();
  });
}

awaitable<void> AsioGate::empty() {
  // The flag of an earlier emptiness may still be set: hence the loop.
  for (const auto state = state_; state->inside != 0;) co_await state->none_left.wait();
}

}  // namespace baton
