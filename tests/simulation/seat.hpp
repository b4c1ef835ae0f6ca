/// One process's place in the world: where each of its port calls becomes a scheduling point, and where faults strike.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/run.hpp"
#include "faults.hpp"

namespace baton::simulation {

/// What each replica did, for people; kept only when asked for.
class Story {
 public:
  Story(World& world, bool kept) : world_(world), kept_(kept) {}
  [[nodiscard]] bool kept() const { return kept_; }
  void say(const std::string& who, const std::string& what);
  [[nodiscard]] const std::vector<std::string>& lines() const { return lines_; }

 private:
  World& world_;
  bool kept_;
  std::vector<std::string> lines_;
};

/// What one coroutine did last, and which run's message it holds.
struct Fiber {
  Call before = Call::spawned;  ///< the call before the last one
  Call last = Call::spawned;
  std::optional<core::RunKey> visiting;
  bool cancelled = false;  ///< the user cancelled that run since its last call
};
class Fibers {
 public:
  Fiber& of(std::uint64_t fiber) {
    if (fiber >= all_.size()) all_.resize(fiber + 16);
    return all_[fiber];
  }
  /// The user has cancelled this run.
  void cancelled(const core::RunKey& run) {
    for (auto& fiber : all_) fiber.cancelled = fiber.cancelled || fiber.visiting == run;
  }

 private:
  std::vector<Fiber> all_;
};

/// What a fault at the connections of a replica does; the simulation fills it in.
struct Breaks {
  std::function<void()> close_channel;
  std::function<void(const core::RunKey&)> expire_lease;
  std::function<void()> lose_stream;
  std::function<void(core::Duration span)> stopped;
  std::function<void(const core::RunKey&)> send_again;
  std::function<void()> jump_clock;                 ///< of the store
  std::function<void()> fail_over;                  ///< of the store
  std::function<void(const core::RunKey&)> cancel;  ///< by the user, through another replica
};

class Seat {
 public:
  Seat(World& world, World::Who who, std::string name, Faults& faults, Fibers& fibers, Story& story, core::Duration lock_life)
      : world_(world),
        who_(who),
        name_(std::move(name)),
        faults_(faults),
        fibers_(fibers),
        story_(story),
        lock_life_(lock_life) {}

  void breaks(Breaks breaks) { breaks_ = std::move(breaks); }
  /// Before the effect. The answer is a fault that the port itself has to act out.
  awaitable<Fault> before(Call call);
  /// Between the effect and the answer.
  awaitable<void> after(Call call);
  Fiber& fiber() { return fibers_.of(world_.current().fiber); }
  Fibers& fibers() { return fibers_; }
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] bool telling() const { return story_.kept(); }
  void say(const std::string& what) { story_.say(name_, what); }

 private:
  awaitable<void> stop_for_a_while();
  awaitable<void> a_moment();

  World& world_;
  World::Who who_;
  std::string name_;
  Faults& faults_;
  Fibers& fibers_;
  Story& story_;
  core::Duration lock_life_;
  Breaks breaks_;
};

}  // namespace baton::simulation
