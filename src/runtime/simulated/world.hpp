/// A world of processes whose every step is chosen by a seed, on virtual time, on one thread: one seed = one history.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "ports/runtime.hpp"

namespace baton {

/// Drives the coroutines of its processes: `step()` runs one that is ready, whichever the seed picks; virtual time moves only when none
/// is. A process can crash (its frames are destroyed, nothing of it ever runs again) and be paused (as by SIGSTOP). A crash runs
/// destructors: none may call a port, or the dead would act.
///
/// Whatever the coroutines refer to must outlive the world's processes: crash all (`end()`), then destroy it.
class World {
 public:
  /// A process, counted from 1. Never reused: a replica that starts again is a new one.
  using Who = std::uint32_t;
  static constexpr core::Duration forever = core::Duration::max();

  explicit World(std::uint64_t seed);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  [[nodiscard]] Who start();
  /// False from the moment of its crash, also while its last step is still running.
  [[nodiscard]] bool alive(Who who) const;
  /// Memory lost. Of the process whose step is running: at the end of that step, which must not wait for anything but `never()`.
  void crash(Who who);
  /// Crashes all.
  void end();
  /// Runs nothing of it for `span`; what becomes ready meanwhile runs afterwards, in an order chosen by the seed.
  void pause(Who who, core::Duration span);
  [[nodiscard]] bool paused(Who who) const;

  /// Runs one handler. False: nothing is left that will ever run. A real Asio timer or socket in the world stops the process.
  bool step();
  /// Steps until `done` (looked at before each step). False: `limit` of virtual time has passed before it was.
  bool run_until(const std::function<bool()>& done, core::Duration limit);

  /// When the next step will be; now() if something is ready, `forever` if nothing ever will be.
  [[nodiscard]] core::Duration next() const;
  /// Since the world began.
  [[nodiscard]] core::Duration now() const;
  /// The world's wall clock (a store's, say): a fixed date + now().
  [[nodiscard]] core::Instant wall() const;
  [[nodiscard]] std::uint64_t steps() const;
  /// A digest of the history so far: equal for equal seeds.
  [[nodiscard]] std::uint64_t trace() const;
  /// The next number of the seed; `below(n)` of 0 … n - 1; `one_in(n)` true once in n times.
  std::uint64_t random();
  std::uint64_t below(std::uint64_t n) { return random() % n; }
  bool one_in(std::uint64_t n) { return n != 0 && random() % n == 0; }

  /// Whose step is running: process and coroutine (each that is spawned gets a number of its own); 0 = none.
  struct Current {
    Who who = 0;
    std::uint64_t fiber = 0;
  };
  [[nodiscard]] Current current() const;

  // ---- for coroutines of the world ------------------------------------------------------------------------------------------
  /// Always lets others go first, `how_long` = 0 too.
  awaitable<void> sleep(core::Duration how_long);
  /// Waits for the crash of its own process.
  awaitable<void> never();
  /// Runs `body` in process `who`; `left` when it has ended (not when it crashes). An exception that leaves it stops the process.
  void spawn(Who who, awaitable<void> body, std::function<void()> left = {});

  /// Runs `body` to its end at once, outside of time, as nobody: sleeps return at once, nothing else moves. For looking at ports.
  template <class T>
  T look(awaitable<T> body) {
    std::optional<T> answer;
    look_at(keep(std::move(body), answer));
    BATON_ASSERT(answer.has_value());
    return std::move(*answer);
  }

 private:
  friend class SimulatedEvent;
  template <class T>
  static awaitable<void> keep(awaitable<T> body, std::optional<T>& answer) {
    answer.emplace(co_await std::move(body));
  }
  void look_at(awaitable<void> body);

  /// A suspended coroutine's place among the timers: (when, serial).
  using Place = std::pair<core::Duration, std::uint64_t>;
  /// Suspends the caller until `limit` has passed (false) or wake() (true); tells its place before.
  awaitable<bool> wait(core::Duration limit, std::function<void(Place)> placed);
  /// False: that coroutine waits no more.
  bool wake(Place place);

  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace baton
