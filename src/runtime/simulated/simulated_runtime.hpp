/// The Runtime of one process of a World.
#pragma once

#include <string>

#include "runtime/simulated/world.hpp"

namespace baton {

/// Virtual time, gates and events of the world, numbers from the seed. `blocking` runs the work inline, after a scheduling point.
class SimulatedRuntime final : public Runtime {
 public:
  /// @param skew  how far this host's wall clock is from the world's
  SimulatedRuntime(World& world, World::Who who, core::Duration skew = {});

  core::Instant wall() override { return world_.wall() + skew_; }
  core::Duration steady() override { return world_.now(); }
  awaitable<void> sleep(core::Duration how_long) override { return world_.sleep(how_long); }
  std::unique_ptr<Gate> gate() override;
  std::unique_ptr<Event> event() override;
  std::uint64_t random() override { return world_.random(); }
  std::string uuid() override;
  awaitable<void> blocking(Lane lane, std::function<void()> work) override;

 private:
  World& world_;
  World::Who who_;
  core::Duration skew_;
};

}  // namespace baton
