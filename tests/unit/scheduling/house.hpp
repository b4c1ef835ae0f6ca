/// Replicas over the adapters in memory, on virtual time: a run is started, things go wrong, and what came of it can be looked at.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "backend/memory/memory_backend.hpp"
#include "lock/memory/memory_lock.hpp"
#include "queue/memory/memory_queue.hpp"
#include "runtime/simulated/simulated_runtime.hpp"
#include "scheduling/manager.hpp"
#include "scheduling/stop.hpp"
#include "scheduling/worker.hpp"
#include "store/memory/memory_store.hpp"
#include "support/rows.hpp"

namespace baton::test {

using namespace std::chrono_literals;

/// The store as one replica reaches it: counted, slow, away.
class ReachedStore final : public Store {
 public:
  ReachedStore(World& world, Store& store) : world_(world), store_(store) {}

  bool away = false, refuses = false, foreign = false, turns_are_lost = false;
  core::Duration begin_takes{}, commit_takes{}, due_takes{};
  std::function<void()> before_commit = [] {};
  std::function<void(const core::Ticket&)> begun = [](const core::Ticket&) {};
  std::function<bool(const core::Ticket&)> dies = [](const core::Ticket&) { return false; };  ///< true: its process has crashed
  int looks = 0, passes = 0, wakes = 0, dues = 0, fenced = 0;
  std::shared_ptr<int> looking = std::make_shared<int>(0);  ///< how many are in `due` now; may be shared by replicas
  int looking_most = 0;

  awaitable<Result<core::Ticket>> begin_pass(BeginPass pass) override {
    if (away) co_return gone();
    ++looks;
    if (foreign) co_return fail({.code = "store.foreign", .what = "another program made it"});
    auto ticket = co_await store_.begin_pass(std::move(pass));
    if (begin_takes > core::Duration::zero()) co_await world_.sleep(begin_takes);
    if (ticket) ++passes;
    if (ticket) begun(*ticket);
    co_return ticket;
  }
  awaitable<Result<Committed>> commit(core::Ticket ticket, core::Decision decision) override {
    before_commit();
    if (dies(ticket)) co_await world_.never();
    if (commit_takes > core::Duration::zero()) co_await world_.sleep(commit_takes);
    if (away) co_return gone();
    if (refuses) co_return fail({.code = "store.damaged", .what = "refused"});
    auto committed = co_await store_.commit(std::move(ticket), std::move(decision));
    if (!committed && committed.error().code == "store.fenced") ++fenced;
    co_return committed;
  }
  awaitable<Result<Woken>> wake(core::RunKey run, std::vector<JobId> jobs) override {
    if (away) co_return gone();
    ++wakes;
    co_return co_await store_.wake(std::move(run), std::move(jobs));
  }
  awaitable<Result<std::vector<core::RunKey>>> due(DuePolicy policy, std::size_t max) override {
    if (away) co_return gone();
    ++dues;
    looking_most = std::max(looking_most, ++*looking);
    if (due_takes > core::Duration::zero()) co_await world_.sleep(due_takes);
    --*looking;
    co_return co_await store_.due(policy, max);
  }
  awaitable<Result<void>> put_project(ProjectDocument project) override { return store_.put_project(std::move(project)); }
  awaitable<Result<ProjectDocument>> project(ProjectId id) override { return store_.project(std::move(id)); }
  awaitable<Result<void>> restamp(ProjectId project, std::vector<Restamped> successes) override {
    return store_.restamp(std::move(project), std::move(successes));
  }
  awaitable<Result<core::RunKey>> create_run(NewRun run) override { return store_.create_run(std::move(run)); }
  awaitable<Result<Woken>> desire(core::RunKey run, core::Desire desire) override {
    return store_.desire(std::move(run), desire);
  }
  awaitable<Result<void>> write_progress(std::vector<ProgressWrite> writes) override {
    return store_.write_progress(std::move(writes));
  }
  awaitable<Result<void>> join(ReplicaId replica) override { return store_.join(std::move(replica)); }
  awaitable<Result<std::vector<core::RunKey>>> orphans(std::size_t max) override { return store_.orphans(max); }
  awaitable<Result<bool>> is_gone(ReplicaId replica) override { return store_.is_gone(std::move(replica)); }
  awaitable<Result<Crowd>> crowd() override { return store_.crowd(); }
  awaitable<Result<std::vector<core::RunKey>>> give_turns(UserId user, std::uint32_t waiting_max) override {
    if (turns_are_lost) co_return gone();
    co_return co_await store_.give_turns(user, waiting_max);
  }
  awaitable<Result<std::vector<RunView>>> held(std::size_t max) override { return store_.held(max); }
  awaitable<Result<Woken>> release_held(core::RunKey run) override { return store_.release_held(std::move(run)); }
  awaitable<Result<std::vector<Outgoing>>> outbox(core::Duration age, std::size_t max) override {
    return store_.outbox(age, max);
  }
  awaitable<Result<void>> told(std::vector<MessageId> messages) override { return store_.told(std::move(messages)); }
  awaitable<Result<std::vector<core::RunKey>>> changed(std::vector<Watched> runs) override {
    return store_.changed(std::move(runs));
  }
  awaitable<Result<std::vector<RunView>>> runs(ProjectId project, std::size_t max) override {
    return store_.runs(std::move(project), max);
  }
  awaitable<Result<RunView>> run(core::RunKey run) override { return store_.run(std::move(run)); }
  awaitable<Result<std::vector<TaskView>>> tasks(core::RunKey run, Fence since) override {
    return store_.tasks(std::move(run), since);
  }
  awaitable<Result<std::vector<core::AttemptRecord>>> attempts(core::RunKey run, std::optional<NodeId> node) override {
    return store_.attempts(std::move(run), std::move(node));
  }
  awaitable<Result<std::shared_ptr<const core::RunDefinition>>> definition(core::RunKey run) override {
    return store_.definition(std::move(run));
  }
  awaitable<Result<std::vector<NodeView>>> nodes(ProjectId project) override { return store_.nodes(std::move(project)); }

 private:
  static tl::unexpected<Error> gone() { return fail({.code = "store.unavailable", .what = "the store is away"}); }

  World& world_;
  Store& store_;
};

/// The queue as one replica reaches it: counted, away.
class ReachedQueue final : public Queue {
 public:
  explicit ReachedQueue(Queue& queue) : queue_(queue) {}

  bool away = false;
  std::vector<core::RunKey> published;

  awaitable<Result<void>> publish(std::vector<core::RunKey> runs) override {
    if (away) co_return fail({.code = "queue.unavailable", .what = "the broker is away"});
    published.insert(published.end(), runs.begin(), runs.end());
    co_return co_await queue_.publish(std::move(runs));
  }
  awaitable<Result<Delivery>> receive() override { return queue_.receive(); }
  awaitable<void> ack(Delivery delivery) override { return queue_.ack(std::move(delivery)); }
  awaitable<void> requeue(Delivery delivery, core::Duration after) override { return queue_.requeue(std::move(delivery), after); }
  void close() override { queue_.close(); }

 private:
  Queue& queue_;
};

/// The locks as one replica reaches them: away.
class ReachedLock final : public Lock {
 public:
  explicit ReachedLock(Lock& lock) : lock_(lock) {}

  bool away = false, forgets = false;  ///< forgets: to renew

  awaitable<Result<Lease>> acquire(std::string name, core::Duration life) override {
    if (away) co_return gone();
    co_return co_await lock_.acquire(std::move(name), life);
  }
  awaitable<Result<Lease>> renew(Lease lease, core::Duration life) override {
    if (away) co_return gone();
    if (forgets) co_return lease;
    co_return co_await lock_.renew(std::move(lease), life);
  }
  awaitable<void> release(Lease lease) override { return lock_.release(std::move(lease)); }
  awaitable<void> until_free(std::string name, core::Duration at_most) override {
    return lock_.until_free(std::move(name), at_most);
  }

 private:
  static tl::unexpected<Error> gone() { return fail({.code = "lock.unavailable", .what = "the lock service is away"}); }

  Lock& lock_;
};

/// The cluster as one replica reaches it: closed, hanging.
class ReachedBackend final : public Backend {
 public:
  ReachedBackend(World& world, Backend& backend) : world_(world), backend_(backend) {}

  bool closed = false;
  core::Duration submit_takes{};

  awaitable<Result<void>> submit(std::vector<core::Job> jobs) override {
    if (submit_takes > core::Duration::zero()) co_await world_.sleep(submit_takes);
    if (closed) co_return fail({.code = "backend.unavailable", .what = "the backend is closed"});
    co_return co_await backend_.submit(std::move(jobs));
  }
  awaitable<Observed> observe(core::RunKey run, std::vector<JobId> ask, Cursor after) override {
    return backend_.observe(std::move(run), std::move(ask), after);
  }
  awaitable<Result<void>> bar(core::RunKey run, std::vector<JobId> jobs) override {
    return backend_.bar(std::move(run), std::move(jobs));
  }
  awaitable<Result<void>> cancel(core::RunKey run, std::vector<core::Kill> jobs) override {
    return backend_.cancel(std::move(run), std::move(jobs));
  }
  awaitable<Result<void>> release(core::RunKey run, std::vector<JobId> jobs) override {
    return backend_.release(std::move(run), std::move(jobs));
  }
  void unfollow(const core::RunKey& run, const std::vector<JobId>& jobs) override { backend_.unfollow(run, jobs); }
  void forget_run(const core::RunKey& run) override { backend_.forget_run(run); }
  awaitable<Result<std::vector<Push>>> pushes() override { return backend_.pushes(); }
  std::vector<JobProgress> take_progress() override { return backend_.take_progress(); }
  [[nodiscard]] std::uint32_t slots() const override { return backend_.slots(); }
  void close() override {
    closed = true;
    backend_.close();
  }

 private:
  World& world_;
  Backend& backend_;
};

/// The broker of topics as one replica reaches it: counted, slow, away.
class ReachedEvents final : public Events {
 public:
  explicit ReachedEvents(World& world) : world_(world) {}

  bool away = false;
  core::Duration publish_takes{};
  int publishing = 0, publishing_most = 0, published = 0;

  awaitable<Result<void>> publish(std::vector<Outgoing> messages) override {
    publishing_most = std::max(publishing_most, ++publishing);
    if (publish_takes > core::Duration::zero()) co_await world_.sleep(publish_takes);
    --publishing;
    if (away) co_return fail({.code = "events.unavailable", .what = "the broker is away"});
    published += static_cast<int>(messages.size());
    co_return Result<void>();
  }
  void changed(const core::RunKey&) override {}
  void on_changed(std::function<void(const core::RunKey&)>) override {}

 private:
  World& world_;
};

class House;

/// One life of a replica. `manages`: it looks for what is due, as well.
struct Replica {
  struct Options {
    bool manages = true;
    std::uint32_t concurrency = 4;
    core::Duration skew{};  ///< of its wall clock
    std::size_t known_tasks_max = WorkerOptions{}.known_tasks_max;
    bool announces = false;  ///< passes leave messages in the outbox, for the sweep alone
  };
  Replica(House& house, std::string name, Options options);

  static awaitable<void> serve(Replica& replica);

  House& house;
  World::Who who;
  std::string name;
  Options options;
  SimulatedRuntime runtime;
  ReachedStore store;
  std::optional<MemoryQueue> broker;  ///< goes, as a connection does, with its process
  ReachedQueue queue;
  MemoryLock locks;
  ReachedLock lock;
  std::optional<MemoryBackend> backend;  ///< likewise
  ReachedBackend cluster;
  ReachedEvents events;
  Relay relay;
  Manager manager;
  Worker worker;
  std::vector<std::pair<std::string, double>> progress;  ///< by node, as it was told
  bool served = false;

 private:
  WorkerOptions worker_options();
};

/// What all replicas share, and the replicas.
class House {
 public:
  explicit House(std::uint64_t seed = 1, std::uint32_t slots = 1000)
      : world(seed),
        who(world.start()),
        runtime(world, who),
        store([this] { return world.wall(); }),
        broker([this] { return world.now(); }),
        locks([this] { return world.now(); }),
        cluster(runtime, {.slots = slots}, [this](const core::Job& job) { return fates[job.node.value()]; }) {
    cluster.watch({.begins = [this](const core::Job& job) { begun.emplace_back(job.node.value(), world.now()); },
                   .tells = [](const JobId&, std::string_view) {}});
  }
  ~House() { world.end(); }
  House(const House&) = delete;
  House& operator=(const House&) = delete;

  Replica& replica(Replica::Options options = {}) {
    const auto name = "replica-" + std::to_string(replicas.size() + 1);
    replicas.push_back(std::make_unique<Replica>(*this, name, options));
    world.spawn(replicas.back()->who, Replica::serve(*replicas.back()));
    return *replicas.back();
  }
  /// Its memory is lost, and the store learns of it.
  void kill(Replica& replica) {
    world.crash(replica.who);
    store.declare_gone(ReplicaId(replica.name));
  }
  /// Writes a run of tasks `t0`, `t1`, …; nobody is told.
  core::RunKey create(const std::vector<std::vector<Index>>& before, const std::string& project = "p", UserId user = UserId(1)) {
    const auto definition = run_of(before);
    NewRun run{.uuid = RunUuid(runtime.uuid()), .user = user, .project = ProjectId(project), .request = {}};
    run.tasks = definition->tasks;
    for (const auto& task : definition->tasks) run.project_nodes.push_back(task.node.id);
    auto key = world.look(store.create_run(std::move(run)));
    BATON_ASSERT(key.has_value());
    return *key;
  }
  RunView view(const core::RunKey& run) { return *world.look(store.run(run)); }
  core::TaskRecord task(const core::RunKey& run, Index task) {
    return world.look(store.tasks(run, Fence::none()))->at(task).record;
  }
  /// Goes on until then; false: it did not come within `limit`.
  bool until(const std::function<bool()>& done, core::Duration limit = 10min) {
    const auto looked = [&] {
      bury_the_dead();
      return done();
    };
    return world.run_until(looked, limit);
  }
  void pass_time(core::Duration span) {
    until([] { return false; }, span);
  }
  bool ends(const core::RunKey& run, core::Duration limit = 10min) {
    return until([&] { return !view(run).open; }, limit);
  }
  /// When that node's job began for the first time.
  core::Duration begun_at(const std::string& node) const {
    const auto found = std::ranges::find(begun, node, &std::pair<std::string, core::Duration>::first);
    return found == begun.end() ? World::forever : found->second;
  }
  int beginnings(const std::string& node) const {
    return static_cast<int>(std::ranges::count(begun, node, &std::pair<std::string, core::Duration>::first));
  }
  std::size_t published() const {
    std::size_t all = 0;
    for (const auto& replica : replicas) all += replica->queue.published.size();
    return all;
  }
  void stop_the(const core::RunKey& run, Replica& by) { world.spawn(by.who, stop(by, run)); }

  World world;
  World::Who who;
  SimulatedRuntime runtime;
  MemoryStore store;
  MemoryBroker broker;
  MemoryLocks locks;
  std::map<std::string, Fate> fates;  ///< by node
  std::vector<std::pair<std::string, core::Duration>> begun;
  MemoryCluster cluster;
  std::vector<std::unique_ptr<Replica>> replicas;

 private:
  void bury_the_dead() {
    for (auto& replica : replicas) {
      if (world.alive(replica->who)) continue;
      replica->broker.reset();
      replica->backend.reset();
    }
  }
  static awaitable<void> stop(Replica& by, core::RunKey run) {
    const auto stopped = co_await stop_run(by.store, by.worker.wakeups(), std::move(run));
    BATON_ASSERT(stopped.has_value());
  }
};

inline WorkerOptions Replica::worker_options() {
  WorkerOptions wanted;
  wanted.pass.replica = ReplicaId(name);
  wanted.pass.policy.announce = options.announces;
  wanted.concurrency = options.concurrency;
  wanted.known_tasks_max = options.known_tasks_max;
  wanted.progressed = [this](const core::RunKey&, const NodeId& node, double told) { progress.emplace_back(node.value(), told); };
  return wanted;
}

inline Replica::Replica(House& h, std::string own_name, Options own_options)
    : house(h),
      who(h.world.start()),
      name(std::move(own_name)),
      options(own_options),
      runtime(h.world, who, own_options.skew),
      store(h.world, h.store),
      broker(std::in_place, h.broker, runtime),
      queue(*broker),
      locks(h.locks, runtime, name),
      lock(locks),
      backend(std::in_place, h.cluster, runtime),
      cluster(h.world, *backend),
      events(h.world),
      relay(runtime, store, events, {}),
      manager(runtime, store, queue, lock, {.waiting_max = waiting_max_of(cluster.slots())}, &relay),
      worker(runtime, store, queue, lock, cluster, worker_options()) {}

inline awaitable<void> Replica::serve(Replica& replica) {
  const auto joined = co_await replica.store.join(ReplicaId(replica.name));
  BATON_ASSERT(joined.has_value());
  if (replica.options.manages) replica.house.world.spawn(replica.who, replica.manager.serve());
  co_await replica.worker.serve();
  replica.served = true;
}

}  // namespace baton::test
