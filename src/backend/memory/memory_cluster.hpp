/// A cluster in memory, shared by the replicas of one process: keys, claims, executions and results as they are on a real one, with all
/// that can happen to them. For simulations and for tests of the port.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "core/claim.hpp"
#include "ports/backend.hpp"

namespace baton {

/// What can go wrong with a job that runs. A key is what the cluster remembers of a job; its execution is another thing.
enum class Upset : std::uint8_t {
  none,
  forgotten_and_dead,   ///< the key is forgotten, the execution ends without a record (a scheduler went, its workers with it)
  forgotten_and_alive,  ///< the key is forgotten, the execution goes on and leaves its record beside the claim
  worker_dies,          ///< the execution ends without a record, the key runs again elsewhere
  worker_retires,       ///< the execution goes on, the key runs again elsewhere
  result_lost,          ///< after the end: the key runs again
  declared_dead,        ///< the key is forgotten, the execution goes on, and its worker is declared dead (R15: the price)
};
inline constexpr int upset_count = 7;

/// What becomes of one job. Nothing depends on when, or how often, it is sent.
struct Fate {
  core::Duration queued{};  ///< from handed over (and a free slot) to begun
  bool lacking = false;     ///< nothing there can run it while it is queued
  core::Duration runs = std::chrono::milliseconds(1);
  std::optional<core::Duration> quiet_from;  ///< no output from here on (the silence limit)
  core::EndKind end = core::EndKind::ok;     ///< ok, exit, signal, oom, spawn, output; limits and cancels make the others
  std::int32_t exit_code = 0;
  bool ignores_term = false;
  core::Duration stops_after{};  ///< from TERM to its end, where it does not ignore it
  core::Duration fetch{};        ///< from finished to the result being here, for each client
  Upset upset = Upset::none;
  core::Duration upset_at{};               ///< after the beginning
  core::Duration death_seen{};             ///< until a dead worker is declared dead
  std::optional<core::Products> products;  ///< for `ok`; default: one of the declared kind at each output
};

class MemoryBackend;

class MemoryCluster {
 public:
  struct Options {
    std::uint32_t slots = 4;
    bool forgets_cancelled = false;  ///< a cancelled job's key is forgotten at once, as Dask does; its execution ends later
  };
  /// What is told of each job: who looks on must not change anything.
  struct Witness {
    std::function<void(const core::Job&)> begins;
    std::function<void(const JobId&, std::string_view what)> tells;  ///< for people
  };
  /// @param runtime  time for all jobs; its process is the cluster's
  /// @param fates    asked once for each job id
  MemoryCluster(Runtime& runtime, Options options, std::function<Fate(const core::Job&)> fates);
  ~MemoryCluster();
  MemoryCluster(const MemoryCluster&) = delete;
  MemoryCluster& operator=(const MemoryCluster&) = delete;

  void watch(Witness witness) { witness_ = std::move(witness); }
  /// Ends all executions and waits until they have left. To be called before it is destroyed, unless its process has crashed.
  awaitable<void> stop();

  /// Jobs whose key is held, but for stray ones.
  [[nodiscard]] std::vector<JobId> held() const;
  /// Sent late for somebody who was gone when they came to nothing: only an audit finds these.
  [[nodiscard]] std::vector<JobId> stray() const;
  [[nodiscard]] std::vector<JobId> executing() const;
  /// Who alone was told of this job has gone before it told anybody.
  void make_stray(const JobId& job) { records_.at(job).stray = true; }
  /// Executions so far of this job; at most one unless a rule is broken.
  [[nodiscard]] int beginnings(const JobId& job) const;
  /// The end record of a job that made its outputs.
  [[nodiscard]] std::shared_ptr<const core::JobEnd> made(const JobId& job) const;
  /// Whether its worker was declared dead, rightly or not.
  [[nodiscard]] bool declared_dead(const JobId& job) const;
  /// What an observer with everything at hand would see; `unknown` for a job that was never heard of.
  [[nodiscard]] core::Observation truth(const JobId& job) const;
  [[nodiscard]] std::uint32_t slots() const { return options_.slots; }

 private:
  friend class MemoryBackend;
  enum class Key : std::uint8_t { absent, queued, running, ended, gave_up };
  struct Record {
    core::Job job;
    bool sent = false;  ///< `job` is filled in
    core::RunKey run;
    Fate fate;
    Key key = Key::absent;
    std::uint64_t turn = 0;  ///< raised each time the key changes hands: an older turn of the key acts on nothing
    core::Claim claim = core::Claim::none;
    bool executes = false;
    bool dead = false;      ///< its worker was declared dead
    bool released = false;  ///< and not sent again since
    bool stray = false;     ///< its key came to nothing, and nobody was there to be told
    bool retired = false;   ///< its upset has happened
    int beginnings = 0;
    core::EndKind stop = core::EndKind::ok;  ///< `cancelled`: TERM was sent
    bool kill = false;
    std::unique_ptr<Event> stopped;
    std::optional<core::Instant> started;
    std::shared_ptr<const core::JobEnd> end;  ///< beside the claim
  };

  // ---- what clients ask for ---------------------------------------------------------------------------------------------
  Record& record(const JobId& job, const core::RunKey& run);
  void submit(core::Job job);
  void bar(Record& record);
  void cancel(Record& record, bool hard);
  void release(Record& record);
  core::Observation look(const JobId& job, bool fetched) const;

  // ---- what happens here -------------------------------------------------------------------------------------------------
  awaitable<void> live(JobId job, std::uint64_t turn);
  awaitable<void> execute(JobId job, std::uint64_t turn);
  awaitable<bool> take_slot();
  void free_slot();
  void give_up(Record& record);
  void upset(Record& record, std::uint64_t turn);
  void forget(Record& record);
  awaitable<void> declare_dead(JobId job, core::Duration after);
  void write_end(Record& record, std::uint64_t turn, core::EndKind kind);
  void push(const Record& record);
  void tell(const JobId& job, std::string_view what) const;

  Runtime& runtime_;
  Options options_;
  std::function<Fate(const core::Job&)> fates_;
  Witness witness_;
  std::unique_ptr<Gate> gate_;
  std::unique_ptr<Event> slot_free_;
  std::map<JobId, Record> records_;
  std::map<std::uint64_t, MemoryBackend*> clients_;
  std::uint64_t last_client_ = 0;
  std::uint32_t busy_ = 0;
  bool stopping_ = false;
};

}  // namespace baton
