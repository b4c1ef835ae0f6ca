/// What is really the case, written down at the moment of each effect, and the rules held against it.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "backend/memory/memory_backend.hpp"
#include "ports/store.hpp"
#include "queue/memory/memory_queue.hpp"
#include "runtime/simulated/world.hpp"

namespace baton::simulation {

class Truth {
 public:
  /// @param clock  the store's
  Truth(World& world, Store& store, std::function<core::Instant()> clock, MemoryBroker& broker, MemoryCluster& cluster,
        core::Policy policy)
      : world_(world), store_(store), clock_(std::move(clock)), broker_(broker), cluster_(cluster), policy_(policy) {}

  // ---- told at the moment of the effect, whether or not the answer arrives ----------------------------------------------------
  void created(const Result<core::RunKey>& run);
  void began(const BeginPass& pass, const Result<core::Ticket>& ticket);
  void committed(const core::Ticket& ticket, const core::Decision& decision, const Result<Committed>& answer);
  void begins(const core::Job& job);
  /// These are in the outbox now; each must be heard before it is removed.
  void announced(const std::vector<Outgoing>& messages);
  void heard(const Outgoing& message) {
    untold_.erase(message.name());
    heard_.insert(message.name());
  }
  void removed(const std::vector<MessageId>& messages);
  /// The store has lost its last commits: what it says now is the case, but for what jobs have done and which fences were given.
  void failed_over();
  /// The replica has these pushes in its memory now; `handed`: and its worker has them.
  void pushed(World::Who who, const std::vector<Push>& pushes, bool handed);
  /// A number for woke(): what was pushed until now.
  [[nodiscard]] std::uint64_t pushes_so_far() const { return last_push_; }
  /// The replica has made a wake-up of all that was pushed to it until then.
  void woke(World::Who who, const core::RunKey& run, std::uint64_t until);
  void joined(World::Who who, const ReplicaId& replica, const MemoryBackend& backend);
  void left(World::Who who);
  /// The mark was moved and a message has to be sent. `told`: the caller hears of it.
  void must_publish(World::Who who, const core::RunKey& run, bool told);
  void must_publish(World::Who who, RunId run, bool told) { must_publish(who, by_id_.at(run), told); }
  /// The caller has sent it. `arrives`: nothing was lost on the way.
  void published(const core::RunKey& run, bool arrives);
  /// A process that is stopped keeps its promises later.
  void stopped(World::Who who, core::Duration span);
  /// Who was told to publish and did not within its time is no longer counted on.
  void expire_promises();
  /// Messages that are on their way to the broker.
  void flies(const std::vector<core::RunKey>& runs, int change) {
    for (const auto& run : runs) flying_[run] += change;
  }
  /// Somebody may have been the last to know of this run, or there is something new to know: it is looked at after this step.
  void doubt(const core::RunKey& run) { doubted_.insert(run); }
  void doubt_job(const JobId& job);
  void doubt_all();

  // ---- the rules ---------------------------------------------------------------------------------------------------------------
  /// Looks at the runs that were doubted in this step.
  void check_doubted();
  /// With the faults over and time gone by: final, nothing owed, nothing held, no mark.
  [[nodiscard]] std::optional<std::string> unfinished(const core::RunKey& run);
  [[nodiscard]] std::optional<std::string> leftover() const;
  [[nodiscard]] const std::optional<std::string>& violation() const { return violation_; }
  void violate(std::string what);

  [[nodiscard]] std::vector<core::RunKey> runs() const;
  /// Jobs of ended attempts that owe something still.
  [[nodiscard]] std::vector<JobId> owing(const core::RunKey& run) const;
  [[nodiscard]] std::size_t size_of(const core::RunKey& run) const { return runs_.at(run).tasks.size(); }
  [[nodiscard]] std::size_t commits() const { return commits_; }

 private:
  struct RunTruth {
    std::shared_ptr<const core::RunDefinition> definition;
    std::vector<core::TaskRecord> tasks;
    std::map<JobId, core::AttemptRecord> attempts;
    Fence newest;   ///< of its row
    Fence highest;  ///< ever given
    std::map<Fence, ReplicaId> begun_by;
    ReplicaId follower;
  };
  struct Seated {
    ReplicaId replica;
    const MemoryBackend* backend;
    std::map<core::RunKey, std::uint64_t> news;  ///< pushes taken and not yet made a wake-up
  };

  void check_task(const RunTruth& run, const core::TaskRecord& before, const core::TaskRecord& after);
  void check_attempt(const RunTruth& run, const core::AttemptRecord& attempt);
  void check_unchanged(const core::RunKey& key, const RunTruth& run);
  void leave_to_the_audit(const core::RunKey& key);
  /// The store knows of its attempt; what it does not, since it has failed over, nobody looks after.
  [[nodiscard]] bool is_looked_after(const JobId& job) const;
  [[nodiscard]] bool was_left_by_a_failover(const JobId& job) const;
  [[nodiscard]] bool has_message(const core::RunKey& key) const;
  [[nodiscard]] bool somebody_knows(const core::RunKey& key, const RunTruth& run) const;
  [[nodiscard]] std::optional<std::string> left_to_do(const RunTruth& run, const RunView& view) const;

  World& world_;
  Store& store_;
  std::function<core::Instant()> clock_;
  MemoryBroker& broker_;
  MemoryCluster& cluster_;
  core::Policy policy_;
  std::map<core::RunKey, RunTruth> runs_;
  std::map<RunId, core::RunKey> by_id_;
  std::map<JobId, std::pair<core::RunKey, Index>> jobs_;
  std::set<JobId> begun_;
  std::map<World::Who, Seated> seated_;
  std::set<ReplicaId> alive_;
  std::set<core::RunKey> doubted_;
  std::map<core::RunKey, int> flying_;
  std::map<core::RunKey, std::map<World::Who, core::Duration>> promised_;  ///< messages that will be sent, and until when
  std::set<core::RunKey> message_lost_;       ///< since the mark is pending: what the sweep for lost messages is for
  std::map<MessageId, core::RunKey> untold_;  ///< messages of the outbox that nobody has heard yet
  std::set<MessageId> heard_;
  std::int64_t incarnation_ = 0;  ///< of the store
  std::uint64_t last_push_ = 0;
  std::size_t commits_ = 0;
  std::optional<std::string> violation_;
};

}  // namespace baton::simulation
