#include "runtime/simulated/world.hpp"

#include <algorithm>
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/execution.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <map>
#include <vector>

namespace baton {
namespace asio = boost::asio;
namespace {

using Woken = asio::any_completion_handler<void(bool)>;

// A handler of a coroutine: to be run once, or destroyed with its process.
struct Work {
  virtual ~Work() = default;
  virtual void run() = 0;
};
template <class F>
struct Posted final : Work {
  F f;
  explicit Posted(F&& function) : f(std::move(function)) {}
  void run() override {
    F function = std::move(f);
    std::move(function)();
  }
};
struct Waited final : Work {
  Woken handler;
  bool notified = false;
  explicit Waited(Woken&& woken) : handler(std::move(woken)) {}
  void run() override {
    auto woken = std::move(handler);
    std::move(woken)(notified);
  }
};

constexpr World::Who nobody = 0;  // look()

}  // namespace

struct World::Impl : asio::execution_context {
  struct Executor;
  struct Entry {
    Current of;
    std::unique_ptr<Work> work;
  };
  struct Process {
    bool dead = false;
    core::Duration paused_until{};
  };

  std::uint64_t random_state;
  core::Duration now{};
  std::uint64_t serial = 0, fibers = 0, steps = 0, trace = 14695981039346656037ULL;
  Current current;
  std::vector<Entry> ready;
  std::vector<Entry> looks;        // of look(): run at once, in order
  std::map<Place, Entry> waiting;  // by time, then by age: never by address
  std::vector<Process> processes{Process{}};
  Who doomed = nobody;

  explicit Impl(std::uint64_t seed) : random_state(seed) {}
  ~Impl() {
    shutdown();
    destroy();
  }

  // splitmix64: the library's engines are larger than most worlds need, its distributions differ between libraries.
  std::uint64_t random() {
    auto z = random_state += 0x9E3779B97F4A7C15ULL;
    z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27U)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31U);
  }

  template <class F>
  void post(Current of, F f) {
    if (of.who == nobody) {
      looks.push_back({of, std::make_unique<Posted<F>>(std::move(f))});
    } else if (processes[of.who].dead && of.who != doomed) {
      f();  // only frames that unwind come here: ~awaitable_thread posts its clean-up to its executor
    } else {
      ready.push_back({of, std::make_unique<Posted<F>>(std::move(f))});
    }
  }

  asio::any_io_executor executor(Current of);

  void run(Entry entry) {
    current = entry.of;
    ++steps;
    trace = (trace ^ (entry.of.who * 1'000'003ULL + entry.of.fiber * 7919ULL + static_cast<std::uint64_t>(now.count()))) *
            1099511628211ULL;
    entry.work->run();
    entry.work.reset();
    current = {};
    if (doomed != nobody) destroy_frames(std::exchange(doomed, nobody));
  }

  void destroy_frames(Who who) {
    // Moved out first: frames that unwind may look at these containers.
    std::vector<Entry> gone;
    for (auto at = waiting.begin(); at != waiting.end();) {
      if (at->second.of.who != who) {
        ++at;
        continue;
      }
      gone.push_back(std::move(at->second));
      at = waiting.erase(at);
    }
    std::erase_if(ready, [&](Entry& entry) {
      if (entry.of.who != who) return false;
      gone.push_back(std::move(entry));
      return true;
    });
  }
};

// What any_io_executor asks for, and no more.
struct World::Impl::Executor {
  Impl* world;
  Current of;
  Impl& query(asio::execution::context_t) const noexcept { return *world; }
  static constexpr asio::execution::blocking_t query(asio::execution::blocking_t) noexcept {
    return asio::execution::blocking.never;
  }
  Executor require(asio::execution::blocking_t::never_t) const noexcept { return *this; }
  template <class F>
  void execute(F f) const {
    world->post(of, std::move(f));
  }
  bool operator==(const Executor& other) const noexcept {
    return world == other.world && of.who == other.of.who && of.fiber == other.of.fiber;
  }
  bool operator!=(const Executor& other) const noexcept { return !(*this == other); }
};

asio::any_io_executor World::Impl::executor(Current of) { return Executor{this, of}; }

World::World(std::uint64_t seed) : impl_(std::make_unique<Impl>(seed)) {}

World::~World() { end(); }

World::Who World::start() {
  impl_->processes.emplace_back();
  return static_cast<Who>(impl_->processes.size() - 1);
}

bool World::alive(Who who) const { return who < impl_->processes.size() && !impl_->processes[who].dead; }

void World::crash(Who who) {
  BATON_ASSERT(who != nobody);
  if (impl_->processes[who].dead) return;
  impl_->processes[who].dead = true;
  if (impl_->current.who == who) {
    impl_->doomed = who;
  } else {
    impl_->destroy_frames(who);
  }
}

void World::end() {
  BATON_ASSERT(impl_->current.who == nobody);
  for (Who who = 1; who < impl_->processes.size(); ++who) crash(who);
}

void World::pause(Who who, core::Duration span) {
  auto& until = impl_->processes[who].paused_until;
  until = std::max(until, impl_->now + span);
}

bool World::paused(Who who) const { return impl_->processes[who].paused_until > impl_->now; }

bool World::step() {
  auto& world = *impl_;
  // Such a service starts a thread of its own, and the world could not be replayed any more.
  BATON_ASSERT(!asio::has_service<asio::detail::scheduler>(world));
  for (;;) {
    if (world.ready.empty()) {
      if (world.waiting.empty() || world.waiting.begin()->first.first == forever) return false;
      auto first = world.waiting.begin();
      world.now = std::max(world.now, first->first.first);
      world.ready.push_back(std::move(first->second));
      world.waiting.erase(first);
    }
    std::swap(world.ready[world.random() % world.ready.size()], world.ready.back());
    auto chosen = std::move(world.ready.back());
    world.ready.pop_back();
    const auto until = world.processes[chosen.of.who].paused_until;
    if (until <= world.now) {
      world.run(std::move(chosen));
      return true;
    }
    world.waiting.emplace(Place(until, ++world.serial), std::move(chosen));
  }
}

bool World::run_until(const std::function<bool()>& done, core::Duration limit) {
  const auto end = impl_->now + limit;
  while (!done()) {
    if (next() > end) {
      impl_->now = end;
      return false;
    }
    step();
  }
  return true;
}

core::Duration World::next() const {
  if (!impl_->ready.empty()) return impl_->now;
  return impl_->waiting.empty() ? forever : impl_->waiting.begin()->first.first;
}

core::Duration World::now() const { return impl_->now; }
core::Instant World::wall() const { return core::Instant(std::chrono::sys_days(std::chrono::year(2024) / 1 / 1)) + impl_->now; }
std::uint64_t World::steps() const { return impl_->steps; }
std::uint64_t World::trace() const { return impl_->trace; }
std::uint64_t World::random() { return impl_->random(); }
World::Current World::current() const { return impl_->current; }

awaitable<bool> World::wait(core::Duration limit, std::function<void(Place)> placed) {
  if (impl_->current.who == nobody) co_return false;
  // The waiting handler belongs to the coroutine that waits, whoever made the event.
  const auto initiate = [](Woken handler, Impl* world, core::Duration how_long, const std::function<void(Place)>& tell) {
    const auto when = how_long > forever - world->now ? forever : world->now + std::max(how_long, core::Duration::zero());
    const Place place(when, ++world->serial);
    const auto of = world->current;
    if (how_long <= core::Duration::zero()) {
      world->ready.push_back({of, std::make_unique<Waited>(std::move(handler))});
      return;
    }
    world->waiting.emplace(place, Impl::Entry{of, std::make_unique<Waited>(std::move(handler))});
    if (tell) tell(place);
  };
  const bool notified = co_await asio::async_initiate<const asio::use_awaitable_t<>, void(bool)>(initiate, asio::use_awaitable,
                                                                                                 impl_.get(), limit, placed);
  co_return notified;
}

bool World::wake(Place place) {
  const auto found = impl_->waiting.find(place);
  if (found == impl_->waiting.end()) return false;
  auto entry = std::move(found->second);
  impl_->waiting.erase(found);
  static_cast<Waited&>(*entry.work).notified = true;
  impl_->ready.push_back(std::move(entry));
  return true;
}

awaitable<void> World::sleep(core::Duration how_long) { co_await wait(how_long, {}); }

awaitable<void> World::never() { co_await wait(forever, {}); }

void World::spawn(Who who, awaitable<void> body, std::function<void()> left) {
  BATON_ASSERT(alive(who) || impl_->current.who == who);
  const Current of{who, ++impl_->fibers};
  asio::co_spawn(impl_->executor(of), std::move(body), [left = std::move(left)](const std::exception_ptr& error) {
    if (error) std::rethrow_exception(error);
    if (left) left();
  });
}

void World::look_at(awaitable<void> body) {
  const auto before = std::exchange(impl_->current, {});
  bool ended = false;
  asio::co_spawn(impl_->executor({nobody, 0}), std::move(body), [&ended](const std::exception_ptr& error) {
    if (error) std::rethrow_exception(error);
    ended = true;
  });
  while (!impl_->looks.empty()) {
    auto work = std::move(impl_->looks.back().work);
    impl_->looks.pop_back();
    work->run();
  }
  BATON_ASSERT(ended);
  impl_->current = before;
}

}  // namespace baton
