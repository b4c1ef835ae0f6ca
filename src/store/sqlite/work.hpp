/// The store's methods as they run in the lane: each is one transaction, and blocks.
#pragma once

#include <functional>
#include <map>
#include <set>

#include "store/sqlite/cache.hpp"
#include "store/sqlite/rows.hpp"
#include "store/sqlite/sqlite_store.hpp"

namespace baton {

class SqliteStore::Work {
 public:
  /// Throws sqlite::Failure.
  Work(Runtime& runtime, const Options& options);
  [[nodiscard]] const std::string& note() const { return database_.note(); }

  Result<void> put_project(const ProjectDocument& project);
  Result<ProjectDocument> project(const ProjectId& id);
  Result<void> restamp(const ProjectId& project, const std::vector<Restamped>& successes);
  Result<core::RunKey> create_run(NewRun run);
  Result<Woken> wake(const core::RunKey& run, const std::vector<JobId>& jobs);
  Result<Woken> desire(const core::RunKey& run, core::Desire desire);
  Result<core::Ticket> begin_pass(const BeginPass& pass);
  Result<Committed> commit(const core::Ticket& ticket, const core::Decision& decision);
  Result<void> write_progress(const std::vector<ProgressWrite>& writes);
  Result<std::vector<core::RunKey>> due(DuePolicy policy, std::size_t max);
  Result<void> join(const ReplicaId& replica);
  Result<std::vector<core::RunKey>> orphans(std::size_t max);
  Result<bool> is_gone(const ReplicaId& replica) { return gone_.contains(replica); }
  Result<Crowd> crowd();
  Result<std::vector<core::RunKey>> give_turns(UserId user, std::uint32_t waiting_max);
  Result<std::vector<RunView>> held(std::size_t max);
  Result<Woken> release_held(const core::RunKey& run);
  Result<std::vector<core::RunKey>> changed(const std::vector<Watched>& runs);
  Result<std::vector<RunView>> runs(const ProjectId& project, std::size_t max);
  Result<RunView> run(const core::RunKey& run);
  Result<std::vector<TaskView>> tasks(const core::RunKey& run, Fence since);
  Result<std::vector<core::AttemptRecord>> attempts(const core::RunKey& run, const std::optional<NodeId>& node);
  Result<std::shared_ptr<const core::RunDefinition>> definition(const core::RunKey& run);
  Result<std::vector<NodeView>> nodes(const ProjectId& project);
  void declare_gone(const ReplicaId& replica) {
    if (living_.erase(replica) > 0) gone_.insert(replica);
  }

 private:
  template <class Body>
  std::invoke_result_t<Body&> write(Body body);
  template <class Body>
  std::invoke_result_t<Body&> read(Body body);
  template <class Answer, class Body>
  Result<Answer> read_run(const core::RunKey& key, Body body);
  template <class Body>
  std::invoke_result_t<Body&> transaction(sqlite::Statement& begin, Body body);

  core::Instant now();
  /// Null: there is none. What it points to is changed in place, then saved; a failure forgets it all.
  sqlite::CachedRun* load(const core::RunKey& key);
  sqlite::CachedRun* load(RunId id);
  sqlite::CachedRun* remember(sqlite::StoredRun run, bool is_new);
  void forget_if_others_wrote();
  void forget();
  void save(const sqlite::CachedRun& cached, const core::RunRow& before);
  [[nodiscard]] bool still_open(const sqlite::StoredRun& run);
  std::vector<sqlite::AttemptKey> attempts_of(sqlite::CachedRun& cached, const JobId& job);
  void write_task(sqlite::CachedRun& cached, Fence fence, const core::TaskRecord& record);
  void write_attempt(sqlite::CachedRun& cached, Fence fence, const core::AttemptRecord& attempt);
  /// Writes the replica's row with its first pass.
  void introduce(const ReplicaId& replica);
  void settle(sqlite::CachedRun& cached, Fence fence, const JobId& job);
  std::shared_ptr<const core::RunDefinition> definition_of(const sqlite::StoredRun& run);
  Result<std::vector<core::RunKey>> mark_open_runs(std::size_t max, const std::function<bool(core::RunRow&)>& mark);

  Runtime& runtime_;
  core::Instant last_now_{};
  core::Duration last_steady_{};
  std::set<ReplicaId> living_, gone_;                             // of those that joined
  std::set<ReplicaId> introduced_;                                // those whose row is written
  std::shared_ptr<const core::RunDefinition> newest_definition_;  // of the run that was made or read last: never changes
  std::map<core::RunKey, sqlite::CachedRun> cache_;
  std::map<RunId, core::RunKey> cached_ids_;
  std::int64_t data_version_ = 0;
  sqlite::Database database_;
  sqlite::Statement begin_write_, begin_read_, commit_, version_, join_, others_left_;
  sqlite::ProjectRows projects_;
  sqlite::RunRows runs_;
  sqlite::DefinitionRows definitions_;
  sqlite::TaskRows tasks_;
  sqlite::AttemptRows attempts_;
  sqlite::NodeRows nodes_;
};

}  // namespace baton
