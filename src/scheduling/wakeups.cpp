#include "scheduling/wakeups.hpp"

#include <algorithm>
#include <utility>

#include "core/mutants.hpp"
#include "scheduling/failpoint.hpp"

namespace baton {

using namespace std::chrono_literals;

core::Duration jittered(Runtime& runtime, core::Duration pause) {
  const auto percent = static_cast<std::int64_t>(50 + runtime.random() % 101);
  return pause * percent / 100;
}

Wakeups::Wakeups(Runtime& runtime, Store& store, Queue& queue)
    : runtime_(runtime), store_(store), queue_(queue), gate_(runtime.gate()), changed_(runtime.event()) {}

void Wakeups::wake(const core::RunKey& run, std::vector<JobId> jobs) {
  if (stopping_) return;  // the next replica observes everything anew
  const auto [entry, idle] = under_way_.try_emplace(run);
  entry->second.again = true;
  entry->second.jobs.insert(jobs.begin(), jobs.end());
  if (idle) gate_->spawn(work(run));
}

awaitable<void> Wakeups::work(core::RunKey run) {
  auto pause = core::Duration(100ms);
  bool unsure = false;  // an answer was lost that may have said that we are the one to publish
  while (!stopping_ && under_way_[run].again) {
    auto& waiting = under_way_[run];
    waiting.again = false;
    const auto told = std::exchange(waiting.jobs, {});
    const auto asked = runtime_.steady();
    const auto woken = co_await store_.wake(run, {told.begin(), told.end()});
    if (!woken && woken.error().code != "store.not_found") {  // unavailable: the events stay ours to tell
      unsure = true;
      under_way_[run].again = true;
      under_way_[run].jobs.insert(told.begin(), told.end());
      const auto wait = jittered(runtime_, pause);
      co_await runtime_.sleep(wait);
      pause = std::min<core::Duration>(pause * 2, 5s);
      continue;
    }
    pause = 100ms;
    if (woken && !told.empty() && heard_)
      heard_({.run = run, .jobs = {told.begin(), told.end()}, .follower = woken->follower, .asked = asked});
    const bool was_unsure = std::exchange(unsure, false);
    if (woken && (woken->publish || was_unsure)) {
      failpoint("marked-before-publish", run);
      co_await publish({run});
    }
  }
  under_way_.erase(run);
}

awaitable<bool> Wakeups::publish(std::vector<core::RunKey> runs) {
  const auto published = co_await queue_.publish(runs);
  if (published || core::mutant(core::Mutant::unpublished_forgotten)) co_return true;
  // Their marks are pending, so no later wake-up would publish them: without this they would wait for the manager's sweep.
  unpublished_.insert(runs.begin(), runs.end());
  if (!stopping_ && !std::exchange(publishing_again_, true)) gate_->spawn(publish_again());
  co_return false;
}

awaitable<void> Wakeups::publish_soon(core::RunKey run) {
  if (stopping_)
    co_await publish_one(std::move(run));
  else
    gate_->spawn(publish_one(std::move(run)));
}

awaitable<void> Wakeups::publish_one(core::RunKey run) {
  const std::vector<core::RunKey> runs{std::move(run)};
  const auto published = co_await publish(runs);
  static_cast<void>(published);  // it goes on trying
}

awaitable<void> Wakeups::publish_again() {
  auto pause = core::Duration(200ms);
  while (!stopping_ && !unpublished_.empty()) {
    const auto wait = jittered(runtime_, pause);
    co_await runtime_.sleep(wait);
    pause = std::min<core::Duration>(pause * 2, 5s);
    const std::vector<core::RunKey> runs(unpublished_.begin(), unpublished_.end());
    const auto published = co_await queue_.publish(runs);
    if (!published) continue;
    for (const auto& run : runs) unpublished_.erase(run);
    pause = 200ms;
  }
  publishing_again_ = false;
}

void Wakeups::wake_after(const core::RunKey& run, core::Duration delay) {
  const auto when = runtime_.steady() + std::max(delay, core::Duration::zero());
  const auto [timer, fresh] = timers_.try_emplace(run, when);
  if (!fresh) {
    if (timer->second <= when) return;
    order_.erase({timer->second, run});
    timer->second = when;
  }
  const bool first = order_.empty() || when < order_.begin()->first;
  order_.emplace(when, run);
  if (first) changed_->notify();
}

awaitable<void> Wakeups::serve() {
  while (!stopping_) {
    if (order_.empty()) {
      co_await changed_->wait();
      continue;
    }
    const auto left = order_.begin()->first - runtime_.steady();
    if (left > core::Duration::zero()) {
      const auto changed = co_await changed_->wait_for(left);
      static_cast<void>(changed);
      continue;
    }
    const auto run = order_.begin()->second;
    order_.erase(order_.begin());
    timers_.erase(run);
    wake(run, {});
  }
  co_await gate_->empty();
}

void Wakeups::stop() {
  stopping_ = true;
  changed_->notify();
}

}  // namespace baton
