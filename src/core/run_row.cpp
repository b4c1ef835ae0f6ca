#include "core/run_row.hpp"

#include <algorithm>

#include "core/mutants.hpp"

namespace baton::core {
namespace {

constexpr int incarnation_shift = 40;

// `first`, doubled `times` times, at most `most`.
Duration doubled(Duration first, std::int32_t times, Duration most) {
  for (; times > 0 && first < most; --times) first *= 2;
  return std::min(first, most);
}

}  // namespace

Duration back_off(std::int32_t failures) { return doubled(back_off_min, failures - 1, back_off_max); }

bool is_pending(const RunRow& row) { return row.scheduled && (!row.processed || *row.scheduled > *row.processed); }

bool is_open(const RunRow& row, bool owes) { return !is_final(row.record.result) || owes || is_pending(row); }

bool rests(const RunRow& row) { return row.record.held && row.record.desire == Desire::run; }

bool wake(RunRow& row, Instant now) {
  if (mutant(Mutant::wake_up_dropped) && is_pending(row)) return false;
  // Pending, but its message was settled by a replica that was told to come back later: that time has come.
  const bool backed_off = row.failures > 0 && row.wake_at && *row.wake_at <= now;
  const bool publish = !is_pending(row) || backed_off || mutant(Mutant::each_wake_published);
  // Later than the last mark, and than a commit of this very microsecond: or it would not be pending.
  auto mark = now;
  for (const auto& before : {row.scheduled, row.processed})
    if (before) mark = std::max(mark, *before + Duration(1));
  row.scheduled = mark;
  if (publish) {
    row.published = now;
    row.republished = 0;
  }
  if (backed_off) row.wake_at.reset();
  return publish;
}

bool desire(RunRow& row, Desire wanted, Instant now) {
  if (is_final(row.record.result)) return false;
  if (mutant(Mutant::wake_up_dropped) && is_pending(row)) return true;
  if (wanted != Desire::run && !row.record.desired_at) row.record.desired_at = now;
  row.record.desire = std::max(row.record.desire, wanted);
  row.wake_at.reset();
  wake(row, now);
  row.published = now;
  row.republished = 0;
  return true;
}

std::int64_t incarnation_of(Fence fence) { return fence.value() >> incarnation_shift; }

Fence fence_after(Fence newest, std::int64_t incarnation) {
  if (mutant(Mutant::fence_given_twice)) return Fence(newest.value() + 1);
  return Fence(std::max(newest.value(), incarnation << incarnation_shift) + 1);
}

Begun begin_pass(RunRow& row, const ReplicaId& replica, std::int32_t excused, const std::string& failure,
                 std::int64_t incarnation, Instant now) {
  row.failures = std::max(0, row.failures - excused);
  if (!row.open) {
    if (is_pending(row)) row.processed = row.scheduled;
    return Begun::ended;
  }
  if (row.failures >= failures_max) row.record.held = true;
  if (rests(row)) {
    row.wake_at.reset();
    return Begun::held;
  }
  if (row.failures > 0) {
    // Of a clock that has jumped back, the wait must not last longer than it was meant to.
    if (row.wake_at) row.wake_at = std::min(*row.wake_at, now + back_off(row.failures));
    if (row.wake_at && *row.wake_at > now) return Begun::backing_off;
    row.last_failure = "pass " + std::to_string(row.fence.value()) + " of " + row.begun_by.value() + " began and did not commit" +
                       (failure.empty() ? "" : ": " + failure);
  }
  row.fence = fence_after(row.fence, incarnation);
  if (!mutant(Mutant::failures_forgotten)) ++row.failures;
  row.wake_at = now + back_off(row.failures);
  row.begun_by = replica;
  return Begun::pass;
}

bool is_newest(const RunRow& row, Fence fence) { return row.fence == fence || mutant(Mutant::fence_unchecked); }

Owed settled(Owed owed) { return owed == Owed::kill ? Owed::release : Owed::nothing; }

bool may_settle(bool woken) { return !woken || mutant(Mutant::settle_when_woken); }

bool commit(RunRow& row, std::optional<Instant> mark, Instant now) {
  const bool woken = mutant(Mutant::mark_clock) ? row.scheduled > now : row.scheduled != mark;
  // The clock may be behind the mark: after a failover, or where many wake-ups came within a microsecond.
  row.processed = woken ? mark : std::max(now, row.scheduled.value_or(now));
  if (woken) {
    row.published = now;
    row.republished = 0;
  }
  row.committed = row.fence;
  row.record.has_turn = false;
  row.follower = row.begun_by;
  row.failures = 0;
  row.last_failure.clear();
  return woken;
}

bool due(RunRow& row, Duration revisit, Duration lost, std::int64_t incarnation, Instant now) {
  if (!row.open || rests(row)) return false;
  const bool reached = row.wake_at && *row.wake_at <= now;
  if (!is_pending(row)) {
    const bool of_before = incarnation_of(row.fence) < incarnation;
    const bool stale = of_before || (row.processed && *row.processed + revisit <= now);
    const bool never_marked = !row.scheduled && !mutant(Mutant::never_marked_forgotten);
    if (!never_marked && !reached && !stale) return false;
    wake(row, now);
    if (reached) row.wake_at.reset();
    return true;
  }
  // A message is on its way, or lost; or it was settled by a replica that was told to come back later.
  const bool overdue = !row.published || *row.published > now || mutant(Mutant::backlog_fed) ||
                       *row.published + doubled(lost, row.republished, lost_max) <= now;
  const bool backed_off = reached && row.failures > 0;
  if (!overdue && !backed_off) return false;
  if (overdue) ++row.republished;
  if (reached) row.wake_at.reset();
  row.published = now;
  return true;
}

bool release_held(RunRow& row, Instant now) {
  if (!row.open || !row.record.held) return false;
  row.record.held = false;
  row.failures = 0;
  row.last_failure.clear();
  row.wake_at.reset();
  wake(row, now);
  row.published = now;
  row.republished = 0;
  return true;
}

bool is_in_line(const RunRow& row) { return row.open && row.record.no_room_since && !row.record.has_turn && !rests(row); }
bool has_turn(const RunRow& row) { return row.open && row.record.no_room_since && row.record.has_turn && !rests(row); }

void give_turn(RunRow& row, Instant now) {
  row.record.has_turn = true;
  wake(row, now);
  row.published = now;
  row.republished = 0;
}

void orphan(RunRow& row, Instant now) {
  row.follower = ReplicaId();
  wake(row, now);
  row.published = now;
  row.republished = 0;
}

}  // namespace baton::core
