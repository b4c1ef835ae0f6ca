/// What a store keeps of a run beside its tasks: marks, fence, failures, who follows it. These rules hold in every store; those that
/// keep rows in memory or write alone call them here, a server's SQL says the same in its statements.
#pragma once

#include <optional>
#include <string>

#include "core/run.hpp"

namespace baton::core {

/// Passes in a row that began and did not commit; then the run is held (R8).
inline constexpr std::int32_t failures_max = 5;
inline constexpr Duration back_off_min = std::chrono::milliseconds(200);
inline constexpr Duration back_off_max = std::chrono::seconds(60);
inline constexpr Duration lost_max = std::chrono::minutes(10);

/// 1 failure: 200 ms, doubling, at most 60 s.
[[nodiscard]] Duration back_off(std::int32_t failures);

struct RunRow {
  RunRecord record;
  Fence fence{0};                    ///< of the newest pass
  Fence committed{0};                ///< of the newest pass that committed
  std::optional<Instant> scheduled;  ///< the mark; it only grows
  std::optional<Instant> processed;
  std::optional<Instant> wake_at;
  std::optional<Instant> published;  ///< since when somebody should have a message of the pending mark
  std::int32_t republished = 0;      ///< how often it was published again since
  std::int32_t failures = 0;
  ReplicaId begun_by;  ///< of the newest pass
  ReplicaId follower;  ///< of the newest pass that committed: it hears of the jobs. Empty: nobody
  bool open = true;
  std::string last_failure;
  bool operator==(const RunRow&) const = default;
};

/// R4: `scheduled` is there, and `processed` is not, or older.
[[nodiscard]] bool is_pending(const RunRow& row);
/// Design §1. @param owes  whether an attempt that has ended owes something still, or a message of it is in the outbox
[[nodiscard]] bool is_open(const RunRow& row, bool owes);
/// A held run that nobody wants anything of is left alone until it is released (R8).
[[nodiscard]] bool rests(const RunRow& row);

/// A store whose server has failed over, or was restored, may have lost its last commits. It counts its incarnations, from 0, and they are the
/// high part of a fence: so no fence is given twice, and who remembers a run sees that what it remembers may never have been.
[[nodiscard]] std::int64_t incarnation_of(Fence fence);
/// Of the next pass.
[[nodiscard]] Fence fence_after(Fence newest, std::int64_t incarnation);

// Each of these changes the row as one transaction does. `now` is the store's clock, `incarnation` the store's.

/// R4. Of an open run. @return whether a message has to be published: it was not pending, or its message was settled while it had to
/// back off, and that time is over
bool wake(RunRow& row, Instant now);
/// R4, R11. Desires only rise (run, cancel, remove); asking again moves the mark all the same. @return as wake: true, unless it is final
bool desire(RunRow& row, Desire wanted, Instant now);

enum class Begun : std::uint8_t { pass, ended, backing_off, held };
/// R8. `pass`: fence raised, one failure counted, wake_at set. The others change no fence; `excused` is taken back by all of them.
/// `backing_off`: until `row.wake_at`. @param failure  what the pass before it failed with; empty: not known
Begun begin_pass(RunRow& row, const ReplicaId& replica, std::int32_t excused, const std::string& failure,
                 std::int64_t incarnation, Instant now);

/// R3: whether the pass of this ticket may still write.
[[nodiscard]] bool is_newest(const RunRow& row, Fence fence);
/// What a commit writes into the run's row; not yet `open`. @param mark  as the ticket read it. @return whether the pass was woken
bool commit(RunRow& row, std::optional<Instant> mark, Instant now);
/// What an ended attempt owes when it owed `owed` and that was seen done: after its death its release, after that nothing. A release alone
/// is forgotten by the backend, which is no proof of a death any more (R11): so the proof is kept here.
[[nodiscard]] Owed settled(Owed owed);
/// R9: a push may have made a release owed again after the pass had seen it done.
[[nodiscard]] bool may_settle(bool woken);

/// Design §6. @return whether a message has to be published; then the row has changed: what was not pending is marked, what was is
/// pending still, under the mark that it has. One whose newest pass was of an earlier incarnation is due: who knew what comes next may have
/// told a commit that was lost.
bool due(RunRow& row, Duration revisit, Duration lost, std::int64_t incarnation, Instant now);
/// R8. Of an open run that is held: it begins anew, with all its failures forgotten. @return as wake: true, unless it was not held
bool release_held(RunRow& row, Instant now);
/// R17: whether the run is open, in the line for room, and would take it.
[[nodiscard]] bool is_in_line(const RunRow& row);
/// Out of its line, since its pass is on the way that takes what room there is.
[[nodiscard]] bool has_turn(const RunRow& row);
/// R17. Of a run that is in line: it has its turn, and is marked. A message has to be published in any case.
void give_turn(RunRow& row, Instant now);
/// Of an open run whose follower is gone: marks it, and it has no follower any more. A message has to be published in any case.
void orphan(RunRow& row, Instant now);

// ---- what stores refuse, in the same words ---------------------------------------------------------------------------

/// store.bad_run: no uuid, no task, a task without a step or not of the project, a node twice, a link beyond the run's tasks.
[[nodiscard]] std::optional<Error> check_new_run(const RunUuid& uuid, const std::vector<TaskDefinition>& tasks,
                                                 const std::vector<NodeId>& project_nodes);
[[nodiscard]] Error run_exists(const RunKey& unfinished);
[[nodiscard]] Error collection_exists(const RunKey& run);
[[nodiscard]] Error project_not_found(const ProjectId& project);
[[nodiscard]] Error project_of_another(const ProjectId& project);
[[nodiscard]] Error run_not_found(const RunKey& run);
[[nodiscard]] Error run_is_foreign(const RunKey& run);
[[nodiscard]] Error run_fenced(const RunKey& run, bool pending);
/// Of an answer of begin_pass other than `pass`.
[[nodiscard]] Error pass_refused(Begun why, const RunKey& run, const RunRow& row, Instant now);

}  // namespace baton::core
