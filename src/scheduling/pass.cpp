#include "scheduling/pass.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "core/mutants.hpp"
#include "core/run_row.hpp"
#include "scheduling/failpoint.hpp"

namespace baton {
namespace {

using namespace std::chrono_literals;
constexpr std::size_t submit_batch_max = 1000;  // R18

/// What an answer other than a ticket means for the caller.
PassResult refused(const Error& error) {
  PassResult result{.error = error};
  const auto& code = error.code;
  if (code == "store.ended" || code == "store.held" || code == "store.not_found" || code == "store.foreign")
    result.end = PassEnd::over;
  if (error.code == "store.backing_off") {
    result.end = PassEnd::backing_off;
    std::int64_t microseconds = 0;
    std::from_chars(error.where.data(), error.where.data() + error.where.size(), microseconds);
    result.look_again = core::Duration(microseconds);
  }
  if (error.code == "store.fenced") {
    result.end = PassEnd::fenced;
    result.pending = error.where == "pending";
  }
  return result;
}

/// The jobs that must be asked for: those nobody has answered for yet, those that owe their release, and, when this replica begins to follow
/// the run, all that live.
std::vector<JobId> jobs_to_ask(const core::Run& run, bool all) {
  std::vector<JobId> jobs;
  for (const auto i : all ? run.live() : run.unseen()) jobs.push_back(*run.task(i).job);
  for (const auto& [job, owed] : run.owed()) jobs.push_back(job);
  return jobs;
}

/// A run that has ended and still owes something is looked at soon, for somebody may wait until it owes nothing; later and later, the longer
/// it owes. wake_at stays as it is: losing this is no harm.
core::Duration time_to_settle(const core::Decision& decision, core::Instant now) {
  if (!decision.ended) return core::Duration::max();
  return std::max<core::Duration>(now - *decision.ended, 5ms);
}

}  // namespace

awaitable<PassResult> Pass::make(core::RunKey run, KnownRun& known, std::optional<Lease>& lease) {
  const BeginPass question{
      .run = run, .known = known.fence, .replica = options_.replica, .excused = known.excused, .failure = known.failure};
  const auto ticket = co_await store_.begin_pass(question);
  if (ticket || ticket.error().code != "store.unavailable") known.excused = 0;  // taken back by now
  if (!ticket) {
    auto result = refused(ticket.error());
    co_return result;
  }
  failpoint("pass-begun", run);
  if (known.run.known() && !ticket->definition && known.run.definition().id != ticket->run) {
    known = KnownRun{.excused = 1};  // another run under an old name: begun anew, from zero
    co_return PassResult{.end = PassEnd::fenced};
  }
  // The store has lost commits since: what we read of them never was. (Fences of one incarnation have one high part.)
  if (known.run.known() && !ticket->definition && core::incarnation_of(ticket->fence) != core::incarnation_of(known.fence) &&
      !core::mutant(core::Mutant::lost_commits_known)) {
    known = KnownRun{.excused = 1};
    co_return PassResult{.end = PassEnd::fenced};
  }
  // A pass of another replica came between: what the backend told it, it told nobody else.
  if (ticket->fence.value() != known.fence.value() + 2) known.stream_lost = true;
  const auto now = core::mutant(core::Mutant::own_clock) ? runtime_.wall() : ticket->now;
  known.run.apply(*ticket);
  known.fence = Fence(ticket->fence.value() - 1);
  const auto policy = co_await policy_for(known, ticket->now);
  known.store_time = ticket->now;
  known.steady_time = runtime_.steady();

  const bool anew = std::exchange(known.stream_lost, false);
  const auto ask = jobs_to_ask(known.run, anew);
  const auto observed = co_await backend_.observe(run, ask, anew ? Cursor::begin() : known.cursor);
  auto decision = core::decide(known.run, observed.news, policy, now);

  const auto ours = co_await still_ours(lease);
  if (!ours) {
    ++known.excused;
    known.stream_lost = known.stream_lost || anew;
    co_return PassResult{.end = PassEnd::fenced};
  }
  const auto wake_at = decision.wake_at;
  const auto settles_in = time_to_settle(decision, ticket->now);
  if (core::mutant(core::Mutant::early_release)) static_cast<void>(co_await release(run, decision.release));
  failpoint("before-commit", run);
  if (!decision.release.empty()) failpoint("job-ended-before-commit", run);
  const auto committed = co_await store_.commit(*ticket, decision);
  if (!committed) {
    // What the store refuses is the run's failure: it backs off, and is held in the end (R8).
    const auto& code = committed.error().code;
    if (code == "store.fenced" || code == "store.unavailable")
      ++known.excused;
    else
      known.failure = code + ": " + committed.error().what;
    known.stream_lost = known.stream_lost || anew;
    auto result = refused(committed.error());
    co_return result;
  }
  failpoint("after-commit", run);
  if (!decision.submit.empty()) failpoint("commit-before-submit", run);
  known.cursor = observed.cursor;
  known.failure.clear();
  options_.written(known.run, decision, ticket->fence);
  const bool left_room = !options_.one_run && room_.committed(known.run, decision);
  const bool gives_turns = !options_.one_run && (decision.no_room_since.has_value() || (left_room && committed->line));
  const auto left_undone = co_await act(run, std::move(decision));
  const auto& mark = ticket->mark;
  const bool was_woken = mark && (!ticket->record.processed || *mark > *ticket->record.processed);
  PassResult result{.end = PassEnd::committed,
                    .woken = committed->woken,
                    .open = committed->open,
                    .messages = committed->messages,
                    .waited = was_woken ? std::optional(ticket->now - *mark) : std::nullopt,
                    .error = left_undone ? left_undone : observed.trouble};
  if (gives_turns) result.turns = co_await room_.turns(run.user, waiting_max());
  if (wake_at && committed->open) result.look_again = std::min(*wake_at - ticket->now, settles_in);
  co_return result;
}

awaitable<core::Policy> Pass::policy_for(const KnownRun& known, core::Instant store_now) {
  auto policy = options_.policy;
  if (known.store_time != core::Instant{}) {  // R5: a store's clock that jumps lets no wait expire
    const auto jump = (store_now - known.store_time) - (runtime_.steady() - known.steady_time);
    policy.waits_may_expire = jump < 30s && jump > -30s;
  }
  if (options_.one_run) {
    const auto waiting = known.run.count(core::State::pending) + known.run.count(core::State::waiting_for_resources);
    policy.room = waiting_max() > waiting ? waiting_max() - waiting : 0;
    co_return policy;
  }
  const auto allowance = co_await room_.allowance(known.run, waiting_max());
  policy.room = allowance.room;
  policy.yields = allowance.yields;
  co_return policy;
}

std::uint32_t Pass::waiting_max() const {
  return options_.waiting_max > 0 ? options_.waiting_max : waiting_max_of(backend_.slots());
}

/// Loss of the lock stops the writing. A lease that runs low is renewed; a lock service that is away leaves the fence alone to protect.
awaitable<bool> Pass::still_ours(std::optional<Lease>& lease) {
  if (!lease || runtime_.steady() + options_.lock_life / 3 < lease->until) co_return true;
  auto renewed = co_await lock_.renew(*lease, options_.lock_life);
  if (renewed) {
    lease = std::move(*renewed);
    co_return true;
  }
  const bool away = renewed.error().code == "lock.unavailable";
  lease.reset();
  co_return away;
}

/// Each action is idempotent, and its loss is covered by wake_at (R16): an error here changes nothing, the first is told.
awaitable<std::optional<Error>> Pass::act(core::RunKey run, core::Decision decision) {
  std::optional<Error> error;
  const auto note = [&error](const Result<void>& done) {
    if (!done && !error) error = done.error();
  };
  auto first = decision.submit.begin();
  while (first != decision.submit.end()) {
    const auto count = std::min<std::ptrdiff_t>(submit_batch_max, decision.submit.end() - first);
    std::vector<core::Job> batch(std::make_move_iterator(first), std::make_move_iterator(first + count));
    first += count;
    const auto submitted = co_await backend_.submit(std::move(batch));
    note(submitted);
    if (!submitted) break;
  }
  if (!decision.bar.empty()) {
    const auto barred = co_await backend_.bar(run, std::move(decision.bar));
    note(barred);
  }
  if (!decision.cancel.empty()) {
    const auto cancelled = co_await backend_.cancel(run, std::move(decision.cancel));
    note(cancelled);
  }
  if (!decision.release.empty()) failpoint("end-committed-before-release", run);
  const auto released = co_await release(run, std::move(decision.release));
  note(released);
  co_return error;
}

awaitable<Result<void>> Pass::release(core::RunKey run, std::vector<JobId> jobs) {
  if (jobs.empty()) co_return Result<void>{};
  auto released = co_await backend_.release(std::move(run), std::move(jobs));
  co_return released;
}

}  // namespace baton
