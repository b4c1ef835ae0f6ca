#include "simulation.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <utility>

#include "ports.hpp"
#include "runtime/simulated/simulated_runtime.hpp"
#include "scenario.hpp"
#include "scheduling/manager.hpp"
#include "scheduling/names.hpp"
#include "scheduling/stop.hpp"
#include "scheduling/worker.hpp"
#include "store/memory/memory_store.hpp"
#include "store/sqlite/sqlite_store.hpp"

namespace baton::simulation {
namespace {

using namespace std::chrono_literals;

/// From the end of the faults until everything must have ended.
constexpr core::Duration patience = std::chrono::minutes(10);
constexpr std::uint64_t steps_max = 3'000'000;

/// What all replicas share.
struct Servers {
  World& world;
  World::Who who;
  SimulatedRuntime runtime;
  Scenario scenario;
  core::Duration jumped{};  ///< how far the store's clock is off
  std::function<void(const ReplicaId&)> declare_gone;
  std::function<void()> part_standby;
  std::function<bool()> become_standby;
  std::function<void()> failed_over = [] {};
  std::unique_ptr<Store> kept;
  Store& store;
  MemoryBroker broker;
  MemoryLocks locks;
  MemoryCluster cluster;
  MemoryQueue publisher;
  Truth truth;
  Wire wire;
  Story story;
  Fibers fibers;
  Faults faults;

  Servers(World& w, bool telling)
      : world(w),
        who(w.start()),
        runtime(w, who),
        scenario(any_scenario(w)),
        kept(open_store()),
        store(*kept),
        broker([&w] { return w.now(); }),
        locks([&w] { return w.now(); }),
        cluster(runtime, scenario.cluster, [this](const core::Job& job) { return fate_of(scenario, job); }),
        publisher(broker, runtime),
        truth(
            w, store, [this] { return world.wall() + jumped; }, broker, cluster, scenario.policy),
        wire{w, who, runtime, cluster, publisher, truth, {}, {}},
        story(w, telling),
        faults(w, scenario.fails_over) {
    cluster.watch({.begins = [this](const core::Job& job) { truth.begins(job); },
                   .tells =
                       [this](const JobId& job, std::string_view what) {
                         truth.doubt_job(job);
                         if (story.kept()) story.say("cluster", short_name(job) + ' ' + std::string(what));
                       }});
  }
  /// SQLite's clock is that of its process, and never goes back.
  void jump_clock() {
    if (!scenario.sqlite) jumped += core::Duration(static_cast<std::int64_t>(world.below(40'000'000)) - 20'000'000);
  }
  void fail_over() {
    if (!become_standby()) return part_standby();
    ++wire.stores;
    truth.failed_over();
    failed_over();
  }
  /// Somebody cancels it, and nothing goes wrong with that.
  void cancel(const core::RunKey& run) {
    const auto desired = world.look(store.desire(run, core::Desire::cancel));
    if (!desired) return;
    const auto published = world.look(publisher.publish({run}));
    static_cast<void>(published);
    truth.doubt(run);
  }
  /// Somebody lets it go on, and nothing goes wrong with that.
  void release_held(const core::RunKey& run) {
    const auto released = world.look(store.release_held(run));
    if (!released || !released->publish) return;
    const auto published = world.look(publisher.publish({run}));
    static_cast<void>(published);
    truth.doubt(run);
  }
  std::unique_ptr<Store> open_store() {
    if (!scenario.sqlite) {
      auto memory = std::make_unique<MemoryStore>([this] { return world.wall() + jumped; });
      declare_gone = [&store = *memory](const ReplicaId& replica) { store.declare_gone(replica); };
      part_standby = [&store = *memory] { store.part_standby(); };
      become_standby = [&store = *memory] { return store.fail_over(); };
      return memory;
    }
    auto sqlite = SqliteStore::open(runtime, {.path = ":memory:"});
    BATON_ASSERT(sqlite.has_value());
    declare_gone = [&store = **sqlite](const ReplicaId& replica) { store.declare_gone(replica); };
    return std::move(*sqlite);
  }
  static std::string short_name(const JobId& job) {
    const auto& id = job.value();
    const auto node = id.find("nodeid_");
    const auto uuid = id.find(":uuid_");
    return node == std::string::npos ? id : id.substr(node + 7, uuid - node - 7) + '/' + id.substr(uuid + 6, 4);
  }
};

/// One life of a replica; the next one remembers nothing.
struct Replica {
  Servers& servers;
  World::Who who;
  std::string name;
  SimulatedRuntime runtime;
  Seat seat;
  MemoryQueue broker;
  MemoryLock locks;
  MemoryBackend client;
  SimulatedStore store;
  SimulatedQueue queue;
  SimulatedLock lock;
  SimulatedBackend backend;
  SimulatedEvents events;
  Relay relay;
  Manager manager;
  Worker worker;
  EchoingFiles files;
  bool served = false;

  Replica(Servers& s, std::string own_name)
      : servers(s),
        who(s.world.start()),
        name(std::move(own_name)),
        runtime(s.world, who, core::Duration(static_cast<std::int64_t>(s.world.below(600'000'000)) - 300'000'000)),
        seat(s.world, who, name, s.faults, s.fibers, s.story, s.scenario.lock_life),
        broker(s.broker, runtime),
        locks(s.locks, runtime, name),
        client(s.cluster, runtime),
        store(seat, who, s.store, s.truth, s.wire),
        queue(seat, broker, s.truth, s.wire),
        lock(seat, locks, s.scenario.no_lock),
        backend(seat, who, client, s.truth, s.wire),
        events(seat, s.truth),
        relay(runtime, store, events, relay_options()),
        manager(runtime, store, queue, lock, manager_options(s), &relay),
        worker(runtime, store, queue, lock, backend, worker_options(s, name, relay)) {
    seat.breaks({.close_channel = [this] { broker.lose_channel(); },
                 .expire_lease = [this](const core::RunKey& run) { servers.locks.expire(run_lock(run)); },
                 .lose_stream = [this] { client.lose_stream(); },
                 .stopped = [this](core::Duration span) { servers.truth.stopped(who, span); },
                 .send_again = [this](const core::RunKey& run) { send_again(run); },
                 .jump_clock = [this] { servers.jump_clock(); },
                 .fail_over = [this] { servers.fail_over(); },
                 .cancel = [this](const core::RunKey& run) { servers.cancel(run); }});
    s.truth.joined(who, ReplicaId(name), client);
    s.wire.clients[who] = &client;
    s.world.spawn(who, serve(*this));
  }
  // Any job; or, half of the time, one that is being settled: that is when it hurts.
  void send_again(const core::RunKey& run) {
    auto jobs = servers.wire.sent[run];
    if (servers.world.one_in(2)) {
      const auto owing = servers.truth.owing(run);
      std::erase_if(jobs, [&](const core::Job& job) { return std::ranges::find(owing, job.id) == owing.end(); });
    }
    if (jobs.empty()) return;
    const auto done = servers.world.look(client.submit({jobs[servers.world.below(jobs.size())]}));
    static_cast<void>(done);
  }
  static ManagerOptions manager_options(const Servers& s) {
    ManagerOptions options;
    options.interval = 2s;
    options.lock_life = s.scenario.lock_life;
    options.due.lost = 3s;
    options.waiting_max = waiting_max_of(s.scenario.cluster.slots);
    return options;
  }
  static RelayOptions relay_options() {
    RelayOptions options;
    options.old = 3s;
    return options;
  }
  static WorkerOptions worker_options(const Servers& s, const std::string& name, Relay& relay) {
    WorkerOptions options;
    options.announced = [&relay](std::vector<Outgoing> messages) { relay.tell(std::move(messages)); };
    options.pass.replica = ReplicaId(name);
    options.pass.policy = s.scenario.policy;
    options.pass.lock_life = s.scenario.lock_life;
    options.concurrency = 3;
    return options;
  }
  static awaitable<void> wake_again_and_again(Replica& replica) {
    for (int i = 0; i < 50 && replica.servers.scenario.impatient; ++i) {
      for (const auto& run : replica.servers.truth.runs()) replica.worker.wakeups().wake(run, {});
      co_await replica.runtime.sleep(core::Duration(1'000 + replica.runtime.random() % 30'000));
    }
  }
  static awaitable<void> serve(Replica& replica) {
    for (;;) {
      const auto joined = co_await replica.store.join(ReplicaId(replica.name));
      if (joined) break;
      co_await replica.runtime.sleep(200ms);
    }
    replica.servers.world.spawn(replica.who, replica.manager.serve());
    replica.servers.world.spawn(replica.who, wake_again_and_again(replica));
    co_await replica.worker.serve();
    co_await replica.relay.stop();
    replica.served = true;
  }
};

/// A user's wish, until a replica has said yes to it.
struct Wish {
  const Order* order;
  std::optional<core::RunKey> run;
  bool started = false, cancelled = false, asking = false;
  core::Duration next;
};

class Simulation {
 public:
  Simulation(std::uint64_t seed, Options options) : world_(seed), servers_(world_, options.story) {
    for (const auto& order : servers_.scenario.orders) wishes_.push_back({.order = &order, .run = {}, .next = order.at});
    for (std::uint32_t i = 0; i < servers_.scenario.replicas; ++i) {
      places_.push_back({.letter = static_cast<char>('A' + i)});
      begin(places_.back());
    }
    servers_.failed_over = [this] { ask_again_for_what_was_lost(); };
    outcome_.seed = seed;
  }
  ~Simulation() { world_.end(); }
  Simulation(const Simulation&) = delete;
  Simulation& operator=(const Simulation&) = delete;

  Outcome run() {
    go_on_until([&] { return world_.now() >= servers_.scenario.lasts || all_done(); }, servers_.scenario.lasts);
    heal();
    const bool ended = go_on_until([&] { return all_done(); }, patience);
    if (!violated() && !ended)
      servers_.truth.violate("not ended " + std::to_string(patience.count() / 1'000'000) +
                             " s after the last fault: " + what_is_left());
    if (!violated()) look_at_the_end();
    return finish();
  }

 private:
  struct Place {
    char letter;
    int lives = 0;
    std::unique_ptr<Replica> replica;
    core::Duration begins_again{};
  };

  bool violated() const { return servers_.truth.violation().has_value(); }

  void begin(Place& place) {
    place.replica = std::make_unique<Replica>(servers_, std::string(1, place.letter) + std::to_string(++place.lives));
    servers_.story.say(place.replica->name, "begins");
  }

  // Steps until `done`; each step is followed by what happens to processes and users, and by the rules.
  bool go_on_until(const std::function<bool()>& done, core::Duration limit) {
    const auto end = world_.now() + limit;
    while (!violated()) {
      if (done()) return true;
      if (world_.now() >= end || world_.steps() > steps_max) return false;
      if (const auto next = std::min(next_look_, end); world_.next() > next) {
        world_.run_until([] { return false; }, next - world_.now());  // nothing happens until then
      } else {
        world_.step();
      }
      bury_the_dead();
      servers_.truth.check_doubted();
      if (world_.now() >= next_look_) look_around();
    }
    return true;
  }

  void bury_the_dead() {
    for (auto& place : places_) {
      if (!place.replica || world_.alive(place.replica->who)) continue;
      ++outcome_.crashes;
      servers_.story.say(place.replica->name, "is gone");
      servers_.wire.clients.erase(place.replica->who);
      servers_.truth.left(place.replica->who);
      servers_.declare_gone(ReplicaId(place.replica->name));
      for (auto& wish : wishes_)
        if (wish.asking && asked_by_[&wish] == place.replica->who) wish.asking = false;
      place.replica.reset();
      place.begins_again = world_.now() + core::Duration(world_.below(world_.one_in(3) ? 20'000'000 : 1'000'000));
      next_look_ = std::min(next_look_, place.begins_again);
    }
  }

  // Replicas that begin again, and users whose time has come.
  void look_around() {
    next_look_ = World::forever;
    for (auto& place : places_) {
      if (place.replica) continue;
      if (place.begins_again <= world_.now()) {
        begin(place);
      } else {
        next_look_ = std::min(next_look_, place.begins_again);
      }
    }
    for (auto& wish : wishes_) {
      if (wish.started && (wish.cancelled || !wish.order->cancelled_after || !wish.run)) continue;
      if (!wish.asking && wish.next <= world_.now()) ask(wish);
      next_look_ = std::min(next_look_, std::max(wish.next, world_.now() + core::Duration(50'000)));
    }
  }

  // A user who was told yes, and finds nothing of it.
  void ask_again_for_what_was_lost() {
    servers_.story.say("store", "has failed over and lost its last commits");
    for (auto& wish : wishes_) {
      if (!wish.started || !wish.run) continue;
      const auto view = world_.look(servers_.store.run(*wish.run));
      if (view) {
        wish.cancelled = wish.cancelled && view->record.desire != core::Desire::run;
      } else {
        wish.started = wish.cancelled = false;
        wish.run.reset();
      }
      wish.next = world_.now() + core::Duration(100ms);
    }
    next_look_ = std::min(next_look_, world_.now() + core::Duration(100ms));
  }

  void ask(Wish& wish) {
    std::vector<Replica*> alive;
    for (auto& place : places_)
      if (place.replica && world_.alive(place.replica->who)) alive.push_back(place.replica.get());
    if (alive.empty()) return;
    auto* replica = alive[world_.below(alive.size())];
    wish.asking = true;
    asked_by_[&wish] = replica->who;
    world_.spawn(replica->who, wish.started ? cancel(*this, *replica, wish) : start(*this, *replica, wish));
  }

  static awaitable<void> start(Simulation& simulation, Replica& replica, Wish& wish) {
    if (replica.seat.telling()) replica.seat.say("user asks to run " + wish.order->request.id.value());
    auto started =
        co_await start_run(replica.runtime, replica.store, replica.files, replica.worker.wakeups(), wish.order->request, Host{});
    wish.asking = false;
    const bool lost = started && started->run && !simulation.world_.look(simulation.servers_.store.run(*started->run));
    if (!started || lost) {
      wish.next = simulation.world_.now() + core::Duration(100ms);
      co_return;
    }
    wish.started = true;
    wish.run = started->run;
    wish.next = simulation.world_.now() + wish.order->cancelled_after.value_or(core::Duration::zero());
  }

  static awaitable<void> cancel(Simulation& simulation, Replica& replica, Wish& wish) {
    if (replica.seat.telling()) replica.seat.say("user cancels " + core::to_text(*wish.run));
    const auto cancelled = co_await stop_run(replica.store, replica.worker.wakeups(), *wish.run);
    wish.cancelled = cancelled.has_value();
    wish.asking = false;
    wish.next = simulation.world_.now() + core::Duration(100ms);
  }

  void heal() {
    servers_.story.say("world", "the faults are over");
    servers_.faults.stop();
    servers_.scenario.no_lock = false;
    servers_.scenario.impatient = false;
    for (auto& place : places_) place.begins_again = world_.now();
    next_look_ = world_.now();
    healed_ = true;
  }

  bool all_done() {
    // Looked at once in a while: a look costs more than a step.
    if (world_.now() < next_done_) return false;
    next_done_ = world_.now() + core::Duration(200ms);
    servers_.truth.expire_promises();
    for (const auto& wish : wishes_) {
      if (!wish.started || wish.asking) return false;
      if (wish.order->cancelled_after && !wish.cancelled && wish.run && servers_.truth.unfinished(*wish.run)) return false;
    }
    for (const auto& run : servers_.truth.runs()) {
      release_if_held(run);
      if (servers_.truth.unfinished(run)) return false;
      if (servers_.locks.is_held(run_lock(run)) || servers_.broker.holds(run)) return false;
    }
    return !servers_.truth.leftover();
  }

  // A run that failed too often waits for a person, who stops it, or lets it go on. One that is final has nothing to stop.
  void release_if_held(const core::RunKey& run) {
    if (!healed_) return;
    const auto view = world_.look(servers_.store.run(run));
    if (!view || !view->record.held || view->record.desire != core::Desire::run) return;
    const bool goes_on = core::is_final(view->record.result) || world_.one_in(2);
    servers_.story.say("operator", (goes_on ? "lets go on " : "stops ") + core::to_text(run) + ", which is held");
    if (goes_on)
      servers_.release_held(run);
    else
      servers_.cancel(run);
  }

  std::string what_is_left() {
    for (const auto& wish : wishes_)
      if (!wish.started) return "the user was not answered for " + wish.order->request.id.value();
    for (const auto& run : servers_.truth.runs()) {
      if (auto what = servers_.truth.unfinished(run)) return *what;
      if (servers_.locks.is_held(run_lock(run))) return core::to_text(run) + ": its lock is held";
      if (servers_.broker.holds(run)) return core::to_text(run) + ": its messages are not settled";
    }
    return servers_.truth.leftover().value_or("a user's wish");
  }

  void look_at_the_end() {
    outcome_.strays = servers_.cluster.stray().size();
    if (outcome_.strays > 0 && outcome_.crashes == 0 && servers_.wire.stores == 1)
      servers_.truth.violate("a late job is held for ever: " + servers_.cluster.stray().front().value());
    if (violated() || !servers_.scenario.stops_at_the_end) return;
    for (auto& place : places_) {
      if (!place.replica) continue;
      place.replica->worker.stop();
      place.replica->manager.stop();
    }
    const auto stopped = [&] {
      return std::ranges::all_of(places_, [](const Place& place) { return !place.replica || place.replica->served; });
    };
    if (!world_.run_until(stopped, 10s)) servers_.truth.violate("a replica does not stop");
  }

  Outcome finish() {
    outcome_.violation = servers_.truth.violation();
    outcome_.steps = world_.steps();
    outcome_.trace = world_.trace();
    outcome_.sqlite = servers_.scenario.sqlite;
    outcome_.commits = servers_.truth.commits();
    outcome_.time = world_.now();
    outcome_.table = servers_.faults.table();
    for (const auto& run : servers_.truth.runs()) {
      ++outcome_.runs;
      outcome_.tasks += servers_.truth.size_of(run);
    }
    outcome_.story = servers_.story.lines();
    return std::move(outcome_);
  }

  World world_;
  Servers servers_;
  std::vector<Place> places_;
  std::vector<Wish> wishes_;
  std::map<const Wish*, World::Who> asked_by_;
  core::Duration next_look_{}, next_done_{};
  bool healed_ = false;
  Outcome outcome_;
};

}  // namespace

Outcome simulate(std::uint64_t seed, Options options) { return Simulation(seed, options).run(); }

}  // namespace baton::simulation
