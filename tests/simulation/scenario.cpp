#include "scenario.hpp"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

namespace baton::simulation {
namespace {

using namespace std::chrono_literals;

enum class Shape : std::uint8_t { chain, fan, diamonds, random, count };

// The nodes before node `i` of `size`.
std::vector<Index> before(World& world, Shape shape, Index i, Index size) {
  if (i == 0) return {};
  std::vector<Index> nodes;
  switch (shape) {
    case Shape::chain: return {i - 1};
    case Shape::fan:
      if (i + 1 < size || size < 3) return {0};
      for (Index k = 1; k < i; ++k) nodes.push_back(k);
      return nodes;
    case Shape::diamonds:
      if (i % 3 == 0) return i >= 2 ? std::vector<Index>{i - 2, i - 1} : std::vector<Index>{i - 1};
      return {i - i % 3};
    case Shape::random:
    case Shape::count:
      for (Index k = i > 6 ? i - 6 : 0; k < i; ++k)
        if (world.one_in(3)) nodes.push_back(k);
      return nodes;
  }
  BATON_UNREACHABLE();
}

std::shared_ptr<core::Step> any_step(World& world, const std::string& name) {
  auto step = std::make_shared<core::Step>();
  step->name = name;
  step->command.words = {"make " + name};
  step->outputs.push_back({.port = "value", .kind = core::OutputKind::integer});
  if (world.one_in(3)) step->outputs.push_back({.port = "file", .kind = core::OutputKind::file, .name = "file.txt"});
  if (world.one_in(4)) step->limits.run = core::Duration(50'000 + world.below(2'000'000));
  if (world.one_in(8)) step->limits.silence = core::Duration(50'000 + world.below(1'000'000));
  if (world.one_in(8)) step->limits.waiting = core::Duration(100'000 + world.below(10'000'000));
  step->limits.grace = core::Duration(10'000 + world.below(2'000'000));
  step->retries.max = static_cast<std::int32_t>(world.one_in(3) ? world.below(3) : 0);
  step->retries.lost = static_cast<std::int32_t>(world.below(3));
  step->retries.backoff = core::Duration(world.one_in(2) ? 0 : world.below(3'000'000));
  return step;
}

core::Project any_project(World& world, const std::string& name) {
  core::Project project{.name = name, .file = name + ".yaml", .nodes = {}};
  const auto size = static_cast<Index>(world.one_in(3) ? 1 + world.below(30) : 1 + world.below(6));
  const auto shape = static_cast<Shape>(world.below(static_cast<std::uint64_t>(Shape::count)));
  for (Index i = 0; i < size; ++i) {
    const auto id = "n" + std::to_string(i);
    core::Node node{.id = NodeId(id), .step = any_step(world, id), .foreach = {}, .params = {}, .inputs = {}, .after = {}};
    node.inputs.push_back({.port = "seed", .source = core::Param{.name = "seed", .value = {"1"}}});
    for (const auto from : before(world, shape, i, size)) {
      if (world.one_in(4)) {
        node.after.push_back(from);
      } else {
        node.inputs.push_back({.port = "in" + std::to_string(from),
                               .source = core::From{.sources = {{.node = from, .port = "value", .given = {}}}}});
      }
    }
    project.nodes.push_back(std::move(node));
  }
  return project;
}

// The same project, asked for again with another value somewhere.
core::Project changed(World& world, core::Project project) {
  auto& node = project.nodes[world.below(project.nodes.size())];
  node.inputs.front().source = core::Param{.name = "seed", .value = {std::to_string(2 + world.below(2))}};
  return project;
}

// splitmix64's finish: a number that depends on all bits of both.
std::uint64_t mixed(std::uint64_t a, std::uint64_t b) {
  auto z = a + b * 0x9E3779B97F4A7C15ULL;
  z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27U)) * 0x94D049BB133111EBULL;
  return z ^ (z >> 31U);
}

}  // namespace

Scenario any_scenario(World& world) {
  Scenario scenario;
  scenario.sqlite = world.one_in(10);
  scenario.replicas = static_cast<std::uint32_t>(2 + world.below(3));
  scenario.stops_at_the_end = world.one_in(4);
  scenario.no_lock = world.one_in(12);
  scenario.impatient = world.one_in(16);
  scenario.fails_over = !scenario.sqlite && world.one_in(4);
  scenario.cluster.slots = static_cast<std::uint32_t>(1 + world.below(8));
  scenario.cluster.forgets_cancelled = world.one_in(2);
  scenario.policy.announce = !scenario.sqlite;
  scenario.policy.ask_again_min = 500ms;
  scenario.policy.ask_again_max = 4s;
  scenario.policy.lacking_max = 10s;
  scenario.policy.cancel_patience = world.one_in(3) ? 5s : 60s;
  scenario.lasts = core::Duration(5'000'000 + world.below(40'000'000));
  scenario.fates = world.random();
  scenario.lacks = scenario.fates % 16 == 0;
  scenario.upsets = world.one_in(2);
  const auto runs = 1 + (world.one_in(3) ? world.below(6) : world.below(2));
  for (std::uint64_t i = 0; i < runs; ++i) {
    const auto again = i > 0 && world.one_in(3);
    const auto name = again ? scenario.orders.back().request.id.value() : "p" + std::to_string(i);
    auto project = again ? changed(world, scenario.orders.back().request.project) : any_project(world, name);
    Order order{.request = {.project = std::move(project),
                            .user = again ? scenario.orders.back().request.user : UserId(world.one_in(4) ? 2 : 1),
                            .id = ProjectId(name),
                            .selection = {},
                            .keep_going = world.one_in(3),
                            .simulated = world.one_in(12)},
                .at = core::Duration(world.below(again ? 15'000'000 : 3'000'000)),
                .cancelled_after = {}};
    if (world.one_in(4)) order.cancelled_after = core::Duration(world.below(world.one_in(2) ? 6'000'000 : 500'000));
    scenario.orders.push_back(std::move(order));
  }
  return scenario;
}

Fate fate_of(const Scenario& scenario, const core::Job& job) {
  auto number = scenario.fates;
  for (const char c : job.id.value()) number = mixed(number, static_cast<unsigned char>(c));
  const auto below = [&](std::uint64_t n) {
    number = mixed(number, n);
    return number % n;
  };
  const auto one_in = [&](std::uint64_t n) { return below(n) == 0; };
  Fate fate;
  fate.queued = core::Duration(one_in(2) ? 0 : below(200'000));
  fate.runs = core::Duration(one_in(8) ? below(8'000'000) : below(400'000));
  fate.fetch = core::Duration(one_in(2) ? 0 : below(one_in(8) ? 4'000'000 : 50'000));
  fate.stops_after = core::Duration(below(50'000));
  fate.ignores_term = one_in(10);
  fate.death_seen = core::Duration(below(3'000'000));
  if (one_in(scenario.lacks ? 2 : 20)) {
    fate.lacking = true;
    fate.queued = core::Duration(one_in(2) ? below(3'000'000) : 60'000'000);
  }
  if (one_in(12)) {
    static constexpr core::EndKind kinds[] = {core::EndKind::exit, core::EndKind::signal, core::EndKind::oom,
                                              core::EndKind::spawn, core::EndKind::output};
    fate.end = kinds[below(5)];
    fate.exit_code = 1;
  }
  if (one_in(8)) fate.quiet_from = core::Duration(below(500'000));
  if (scenario.upsets && one_in(6)) {
    fate.upset = static_cast<Upset>(1 + below(upset_count - 1));
    fate.upset_at = core::Duration(below(static_cast<std::uint64_t>(fate.runs.count()) + 1));
  }
  return fate;
}

awaitable<std::vector<Result<core::Stamp>>> EchoingFiles::look(std::vector<FileQuery> queries) {
  std::vector<Result<core::Stamp>> stamps;
  for (const auto& query : queries) {
    if (query.known) {
      stamps.emplace_back(*query.known);
    } else {
      stamps.emplace_back(fail({.code = "input.missing", .what = query.path, .where = {}, .way_out = {}}));
    }
  }
  co_return stamps;
}

}  // namespace baton::simulation
