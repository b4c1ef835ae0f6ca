#include "cli/engine.hpp"

#include <algorithm>
#include <utility>

#include "scheduling/stop.hpp"

namespace baton::cli {
namespace {

/// Jobs handed over and not begun, beyond those that run: enough that no slot is idle for the length of a pass.
constexpr std::uint32_t ahead = 64;
/// A run is visited by one at a time; the second is for what is left of an older run.
constexpr std::uint32_t concurrency = 2;

}  // namespace

awaitable<Result<void>> OneProjectQueue::publish(std::vector<core::RunKey> runs) {
  std::erase_if(runs, [this](const core::RunKey& run) { return run.project != project_; });
  if (runs.empty()) co_return Result<void>{};
  auto published = co_await queue_.publish(std::move(runs));
  co_return published;
}

Engine::Engine(House& house, Workplace& place, ProjectId project)
    : house_(house),
      place_(place),
      queue_(place.queue(), std::move(project)),
      event_(house.runtime().event()),
      gate_(house.runtime().gate()),
      replica_(house.runtime().uuid()),
      worker_(house.runtime(), place.store(), queue_, place.lock(), place.backend(), worker_options()),
      manager_(house.runtime(), place.store(), queue_, place.lock(),
               {.trouble = [this](const Error& error) { in_trouble(error); }}) {}

WorkerOptions Engine::worker_options() {
  WorkerOptions options;
  options.pass.replica = replica_;
  options.pass.waiting_max = place_.backend().slots() + ahead;
  options.pass.one_run = true;  // those of other projects that were interrupted stand still, and so do their jobs in the store
  options.concurrency = concurrency;
  options.passed = [this](const core::RunKey&, const PassResult& result, core::Duration) {
    if (result.end == PassEnd::committed && !result.error) trouble_.reset();
  };
  options.changed = [this](const core::RunKey&) {
    changed_ = true;
    event_->notify();
  };
  options.over = [this](const core::RunKey&) { nudge(); };
  options.trouble = [this](const core::RunKey&, const Error& error) { in_trouble(error); };
  return options;
}

void Engine::in_trouble(const Error& error) {
  if (error.code == "store.backing_off" || error.code == "store.fenced") return;  // what led there has been told
  if (trouble_)
    trouble_->error = error;
  else
    trouble_ = {error, house_.runtime().steady()};
}

awaitable<Result<void>> Engine::start() {
  auto joined = co_await place_.store().join(replica_);
  if (!joined) co_return joined;
  gate_->spawn(worker_.serve());
  gate_->spawn(manager_.serve());
  co_return Result<void>{};
}

awaitable<void> Engine::stop() {
  worker_.stop();
  manager_.stop();
  co_await gate_->empty();
}

awaitable<Result<void>> Engine::cancel(core::RunKey run, bool hard) {
  if (hard) worker_.kill_from_now_on();
  auto stopped = co_await stop_run(place_.store(), wakeups(), std::move(run));
  co_return stopped;
}

void Engine::nudge() {
  urgent_ = true;
  event_->notify();
}

awaitable<void> Engine::wait(core::Duration pause, core::Duration at_most) {
  auto& runtime = house_.runtime();
  const auto end = runtime.steady() + at_most;
  for (;;) {
    const auto now = runtime.steady();
    const auto until = changed_ ? std::min(end, returned_ + pause) : end;
    if (urgent_ || now >= until) break;
    const auto notified = co_await event_->wait_for(until - now);
    static_cast<void>(notified);
  }
  changed_ = urgent_ = false;
  returned_ = runtime.steady();
}

}  // namespace baton::cli
