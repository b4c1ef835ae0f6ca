#include "scheduling/worker.hpp"

#include <algorithm>
#include <utility>

#include "core/mutants.hpp"
#include "scheduling/failpoint.hpp"
#include "scheduling/names.hpp"
#include "scheduling/taking_over.hpp"

namespace baton {

using namespace std::chrono_literals;

Worker::Worker(Runtime& runtime, Store& store, Queue& queue, Lock& lock, Backend& backend, WorkerOptions options)
    : runtime_(runtime),
      store_(store),
      queue_(queue),
      lock_(lock),
      backend_(backend),
      options_(std::move(options)),
      wakeups_(runtime, store, queue),
      room_(runtime, store),
      visits_(runtime.gate()),
      gate_(runtime.gate()),
      stopped_(runtime.event()),
      drained_(runtime.event()),
      visited_(runtime.event()) {
  wakeups_.on_heard([this](const Wakeups::Heard& heard) { let_go(heard); });
}

awaitable<void> Worker::serve() {
  for (std::uint32_t i = 0; i < options_.concurrency; ++i) visits_->spawn(consume());
  gate_->spawn(follow_pushes());
  gate_->spawn(write_progress());
  gate_->spawn(renew_locks());
  gate_->spawn(wakeups_.serve());
  gate_->spawn(close_backend());
  co_await visits_->empty();
  drained_->notify();
  co_await gate_->empty();
}

void Worker::stop() {
  stopping_ = true;
  queue_.close();
  wakeups_.stop();
  stopped_->notify();
}

/// A pass that hangs in the backend ends with it; another replica fences what is left.
awaitable<void> Worker::close_backend() {
  while (!stopping_) co_await stopped_->wait();
  const auto drained = co_await drained_->wait_for(options_.drain);
  static_cast<void>(drained);
  backend_.close();
}

awaitable<void> Worker::consume() {
  while (!stopping_) {
    const auto delivery = co_await queue_.receive();
    if (delivery) {
      co_await visit(*delivery);
    } else if (delivery.error().code == "queue.closed") {
      co_return;
    } else {
      const auto pause = jittered(runtime_, 500ms);
      co_await runtime_.sleep(pause);
    }
  }
}

awaitable<void> Worker::visit(Delivery delivery) {
  const auto& run = delivery.run;
  // Held by another visit of ours: the message stays unacknowledged, so that it is not lost with us.
  if (visiting_.contains(run)) {
    if (!waiting_.insert(run).second) {
      // Another of ours waits, and no third one shall: a run must not hold all workers. Not acked: the broker may have taken back the
      // message that the other one waits with.
      const auto pause = jittered(runtime_, 200ms);
      co_await queue_.requeue(delivery, pause);
      co_return;
    }
    while (visiting_.contains(run)) co_await visited_->wait();
    waiting_.erase(run);
  }
  auto& lease = visiting_[run];
  auto held = co_await take_lock(run);
  if (held.stopping) {
    leave(run);
    co_await queue_.requeue(delivery, core::Duration::zero());
    co_return;
  }
  lease = std::move(held.lease);
  if (core::mutant(core::Mutant::early_ack)) co_await queue_.ack(delivery);
  auto result = co_await passes(run, lease);
  const bool published = !result.woken || co_await wakeups_.publish({run});
  failpoint("act-before-unlock", run);
  if (lease) co_await lock_.release(*lease);
  if (result.end == PassEnd::over || (result.end == PassEnd::committed && !result.open)) {
    forget(known_.find(run));
    backend_.forget_run(run);
  }
  leave(run);
  co_await settle(delivery, result, published);
}

void Worker::leave(const core::RunKey& run) {
  visiting_.erase(run);
  visited_->notify();
}

awaitable<Worker::Held> Worker::take_lock(core::RunKey run) {
  const auto name = run_lock(run);
  while (!stopping_) {
    auto lease = co_await lock_.acquire(name, options_.pass.lock_life);
    if (lease) co_return Held{.lease = std::move(*lease)};
    if (lease.error().code != "lock.held") {
      options_.trouble(run, lease.error());
      co_return Held{};
    }
    const auto freed = co_await free_if_gone(store_, lock_, name, lease.error());
    if (!freed) co_await lock_.until_free(name, std::min<core::Duration>(options_.pass.lock_life, 1s));
  }
  co_return Held{.stopping = true};
}

/// A pass may take longer than its lock lives. One that is found lost is so from now on, and stops the pass's writing; with the lock service
/// away it runs out, and the pass asks once more before it writes.
awaitable<void> Worker::renew_locks() {
  const auto life = options_.pass.lock_life;
  while (!stopping_ || !visiting_.empty()) {
    const auto ended = co_await (stopping_ ? *visited_ : *stopped_).wait_for(life / 6);
    static_cast<void>(ended);
    std::vector<std::pair<core::RunKey, Lease>> low;
    for (const auto& [run, lease] : visiting_)
      if (lease && lease->until <= runtime_.steady() + life * 2 / 3) low.emplace_back(run, *lease);
    for (const auto& [run, lease] : low) {
      auto renewed = co_await lock_.renew(lease, life);
      const auto visit = visiting_.find(run);
      const bool is_same = visit != visiting_.end() && visit->second && visit->second->token == lease.token;
      if (is_same && renewed) visit->second = std::move(*renewed);
      if (is_same && !renewed && renewed.error().code == "lock.lost") visit->second->until = runtime_.steady();
    }
  }
}

/// Another replica made the run's last pass: it hears of these jobs, and fetches their results. Not when a visit of ours began after the store
/// was asked, or ended since: then we may be the follower by now. Jobs that were not pushed yet are kept: one may be a late submission of
/// ours, and only we hear of it.
void Worker::let_go(const Wakeups::Heard& heard) {
  if (heard.follower.value().empty() || heard.follower == options_.pass.replica || visiting_.contains(heard.run)) return;
  const auto known = known_.find(heard.run);
  if (known != known_.end() && known->second.used < heard.asked) backend_.unfollow(heard.run, heard.jobs);
}

awaitable<PassResult> Worker::pass_or_failure(Pass& pass, core::RunKey run, KnownRun& known, std::optional<Lease>& lease) {
  std::string what;
  try {
    auto result = co_await pass.make(run, known, lease);
    co_return result;
  } catch (const std::exception& thrown) {
    what = thrown.what();
  }
  // What is known of the run may be half of something.
  const auto used = known.used;
  known = KnownRun{.failure = "pass.threw: " + what, .used = used};
  co_return PassResult{
      .end = PassEnd::unavailable,
      .error = Error{.code = "pass.threw", .what = "a pass failed: " + what, .where = core::to_text(run), .way_out = {}}};
}

awaitable<PassResult> Worker::passes(core::RunKey run, std::optional<Lease>& lease) {
  Pass pass(runtime_, store_, lock_, backend_, room_, options_.pass);
  auto& known = known_[run];
  known.used = runtime_.steady();
  const std::size_t tasks_before = known.run.size();
  if (!lease && known.collisions > 0 && !stopping_) {
    // Nothing but the fence keeps others away: who collides waits, longer each time, so that one of us comes to a commit.
    const auto pause = jittered(runtime_, std::min<core::Duration>(20ms * (1 << std::min(known.collisions, 8)), 4s));
    co_await runtime_.sleep(pause);
  }
  PassResult result;
  bool woken = false;
  for (std::int32_t i = 0; i < options_.again_max; ++i) {
    const auto began = runtime_.steady();
    result = co_await pass_or_failure(pass, run, known, lease);
    options_.passed(run, result, runtime_.steady() - began);
    if (core::mutant(core::Mutant::woken_ignored)) result.woken = false;
    if (result.end == PassEnd::committed) woken = result.woken;
    if (result.end == PassEnd::committed) options_.changed(run);
    if (!result.messages.empty()) {
      failpoint("commit-before-messages", run);
      options_.announced(std::move(result.messages));
    }
    if (!result.turns.empty()) co_await wakeups_.publish(std::move(result.turns));
    if (result.end == PassEnd::over || (result.end == PassEnd::committed && !result.open)) options_.over(run);
    if (result.look_again) wakeups_.wake_after(run, *result.look_again);
    if (result.error && result.end != PassEnd::over) options_.trouble(run, *result.error);
    if (result.end != PassEnd::committed || !result.woken) break;
  }
  // Woken, and the pass that was to see why did not commit: handing our message back is not enough, our channel may have gone with it.
  if (result.end != PassEnd::over) result.woken = woken;
  known.collisions = result.end == PassEnd::fenced ? known.collisions + 1 : 0;
  known.used = runtime_.steady();                   // see let_go
  known_tasks_ += known.run.size() - tasks_before;  // not below zero in the sum
  forget_the_oldest();
  co_return result;
}

/// A run that ended elsewhere is heard of no more here. What is forgotten is read again from zero.
void Worker::forget_the_oldest() {
  while (known_.size() > options_.known_max || known_tasks_ > options_.known_tasks_max) {
    auto oldest = known_.end();
    for (auto at = known_.begin(); at != known_.end(); ++at)
      if (!visiting_.contains(at->first) && (oldest == known_.end() || at->second.used < oldest->second.used)) oldest = at;
    if (oldest == known_.end()) return;
    forget(oldest);
  }
}

void Worker::forget(std::map<core::RunKey, KnownRun>::iterator known) {
  known_tasks_ -= known->second.run.size();
  known_.erase(known);
}

awaitable<void> Worker::settle(Delivery delivery, PassResult result, bool published) {
  const bool again = !published || result.end == PassEnd::unavailable || (result.end == PassEnd::fenced && result.pending);
  if (!again) {
    failpoint("act-before-ack", delivery.run);
    co_await queue_.ack(delivery);
    co_return;
  }
  const auto pause = jittered(runtime_, result.end == PassEnd::fenced ? 50ms : 500ms);
  co_await queue_.requeue(delivery, pause);
}

awaitable<void> Worker::follow_pushes() {
  while (!stopping_) {
    const auto pushes = co_await backend_.pushes();
    if (!pushes) {
      if (pushes.error().code == "backend.closed") co_return;
      const auto pause = jittered(runtime_, 500ms);
      co_await runtime_.sleep(pause);
      continue;
    }
    for (const auto& push : *pushes) {
      if (push.jobs.empty())  // the stream was lost: what we were told before may be old
        if (const auto known = known_.find(push.run); known != known_.end()) known->second.stream_lost = true;
      wakeups_.wake(push.run, push.jobs);
    }
  }
}

awaitable<void> Worker::write_progress() {
  while (!stopping_) {
    const auto stopped = co_await stopped_->wait_for(options_.progress_interval);
    static_cast<void>(stopped);
    const auto writes = progress();
    if (writes.empty()) continue;
    const auto written = co_await store_.write_progress(writes);
    if (!written) continue;  // best effort: the next one is higher
    for (const auto& write : writes) {
      const auto known = known_.find(write.run);
      const bool is_known = known != known_.end() && known->second.run.known();
      if (!is_known || !known->second.run.live_task(write.job)) continue;  // over, or forgotten, meanwhile
      options_.progressed(write.run, known->second.run.definition_of(write.task).node.id, write.progress);
    }
  }
}

/// The highest of each job that was told since the last call.
std::vector<ProgressWrite> Worker::progress() {
  std::vector<ProgressWrite> writes;
  std::map<JobId, std::size_t> places;
  for (const auto& told : backend_.take_progress()) {
    const auto known = known_.find(told.run);
    if (known == known_.end() || !known->second.run.known()) continue;
    const auto task = known->second.run.live_task(told.job);
    if (!task) continue;
    const auto [place, is_new] = places.emplace(told.job, writes.size());
    if (is_new) {
      writes.push_back({told.run, *task, told.job, told.progress});
    } else {
      auto& highest = writes[place->second].progress;
      highest = std::max(highest, told.progress);
    }
  }
  return writes;
}

}  // namespace baton
