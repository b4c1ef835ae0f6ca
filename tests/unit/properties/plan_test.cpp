#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

#include "core/plan.hpp"
#include "support/projects.hpp"
#include "support/seed.hpp"

namespace baton::core {
namespace {

using test::World;
using Nodes = std::vector<Index>;

bool one_in(std::mt19937_64& random, unsigned n) { return random() % n == 0; }

/// Nodes in an order that has nothing to do with their edges, so that an index alone never gives the right answer.
World any_world(std::mt19937_64& random, Index size_max) {
  World world;
  const auto size = static_cast<Index>(1 + random() % size_max);
  Nodes order(size);  // order[k]: the node that may read those before it
  for (Index i = 0; i < size; ++i) {
    order[i] = i;
    world.node("n" + std::to_string(i));
  }
  std::ranges::shuffle(order, random);
  for (Index k = 0; k < size; ++k) {
    auto& node = world.project.nodes[order[k]];
    const auto count = k == 0 ? 0 : random() % 4;
    for (std::size_t i = 0; i < count; ++i) {
      const auto before = order[random() % k];
      if (one_in(random, 5)) {
        if (std::ranges::find(node.after, before) == node.after.end()) node.after.push_back(before);
      } else if (one_in(random, 3)) {
        node.inputs.push_back(test::gather("i" + std::to_string(i), {before, order[random() % k]}));
      } else {
        node.inputs.push_back(test::from("i" + std::to_string(i), before));
      }
    }
    node.inputs.push_back(test::literal("n", "1"));
  }
  return world;
}

/// Some succeeded; then something about some of them changed.
void disturb(World& world, std::mt19937_64& random) {
  world.succeed_all();
  for (Index i = 0; i < world.project.nodes.size(); ++i) {
    if (!one_in(random, 6)) continue;
    auto& history = world.facts.history[i];
    switch (random() % 6) {
      case 0: history = {}; break;
      case 1: history.state = State::failed; break;
      case 2: history.state = State::aborted; break;
      case 3: world.step(i).command.words = {"changed"}; break;
      case 4: world.project.nodes[i].inputs.back() = test::literal("n", "2"); break;
      default: world.step(i).cache = false; break;
    }
  }
}

Selection any_selection(const World& world, std::mt19937_64& random) {
  Selection selection{.force = one_in(random, 4)};
  if (one_in(random, 2)) return selection;
  const auto count = 1 + random() % 3;
  for (std::size_t i = 0; i < count; ++i) selection.nodes.push_back(static_cast<Index>(random() % world.project.nodes.size()));
  return selection;
}

/// The same rule said plainly: what must run by itself, and then, until nothing more changes, what reads from what runs.
std::set<Index> must_run(World& world, const Selection& selection) {
  const auto dag = dag_of(world.project);
  std::set<Index> considered, running;
  for (Index i = 0; i < dag.size(); ++i) considered.insert(i);
  if (!selection.nodes.empty()) {
    const auto up = ancestors_or_self(dag, selection.nodes);
    considered = {up.begin(), up.end()};
  }
  for (const auto i : considered) {
    const auto& [state, success] = world.facts.history[i];
    const bool chosen = selection.nodes.empty() || std::ranges::find(selection.nodes, i) != selection.nodes.end();
    if (!success || state == State::failed || !world.step(i).cache || (selection.force && chosen)) running.insert(i);
  }
  for (bool grew = true; grew;) {
    grew = false;
    for (const auto i : considered) {
      if (running.contains(i)) continue;
      bool reads = false;
      for (const auto& input : world.project.nodes[i].inputs) {
        const auto* from = std::get_if<From>(&input.source);
        if (from == nullptr) continue;
        for (const auto& source : from->sources) reads = reads || running.contains(source.node);
      }
      if (reads || world.key_of(i) != world.facts.history[i].success->key) grew = running.insert(i).second || grew;
    }
  }
  return running;
}

std::string text_of(const World& world) {
  std::string text;
  for (const auto& node : world.project.nodes) {
    text += node.id.value() + " after";
    for (const auto before : predecessors(node)) text += " n" + std::to_string(before);
    text += "; ";
  }
  return text;
}

class PlanOfAnyProject : public testing::Test {
 protected:
  template <class Check>
  void each_case(Index size_max, Check check) {
    const auto seed = test::seed();
    SCOPED_TRACE(test::replay(seed) + " unit_properties --gtest_filter=PlanOfAnyProject.*");
    std::mt19937_64 random(seed);
    for (int i = 0; i < test::cases(10'000) && !HasFatalFailure(); ++i) {
      auto world = any_world(random, size_max);
      disturb(world, random);
      const auto selection = any_selection(world, random);
      SCOPED_TRACE("case " + std::to_string(i) + ": " + text_of(world));
      check(world, selection);
    }
  }
};

TEST_F(PlanOfAnyProject, holds_what_the_plain_rule_says) {
  each_case(12, [](World& world, const Selection& selection) {
    const auto plan = world.plan(selection);
    ASSERT_EQ((std::set<Index>(plan.nodes.begin(), plan.nodes.end())), must_run(world, selection));
  });
}

TEST_F(PlanOfAnyProject, names_producers_before_consumers_and_each_node_once) {
  each_case(12, [](World& world, const Selection& selection) {
    const auto plan = world.plan(selection);
    std::set<Index> planned(plan.nodes.begin(), plan.nodes.end()), done;
    ASSERT_EQ(planned.size(), plan.nodes.size());
    for (const auto i : plan.nodes) {
      for (const auto before : predecessors(world.project.nodes[i]))
        ASSERT_TRUE(done.contains(before) || !planned.contains(before));
      done.insert(i);
    }
    for (Index i = 0; i < world.project.nodes.size(); ++i) ASSERT_EQ(planned.contains(i), !plan.reasons[i].empty());
  });
}

TEST_F(PlanOfAnyProject, leaves_nothing_to_do_once_it_was_done) {
  each_case(12, [](World& world, const Selection&) {
    for (Index i = 0; i < world.project.nodes.size(); ++i) world.step(i).cache = true;
    for (const auto i : world.plan().nodes) world.succeed(i, 2);
    ASSERT_TRUE(world.plan().nodes.empty());
  });
}

TEST_F(PlanOfAnyProject, may_cut_off_exactly_what_runs_for_its_producers_alone) {
  each_case(12, [](World& world, const Selection& selection) {
    const auto plan = world.plan(selection);
    for (const auto i : plan.nodes) {
      const bool only_upstream =
          std::ranges::all_of(plan.reasons[i], [](const Reason& reason) { return reason.kind == ReasonKind::upstream_runs; });
      if (!only_upstream) continue;
      // Once its producers have made what they had made before, nothing is left that could make it run.
      ASSERT_NE(world.facts.history[i].success, nullptr);
      ASSERT_EQ(plan.keys[i].definition, world.facts.history[i].success->key.definition);
      for (const auto& [port, digest] : plan.keys[i].inputs) {
        if (!digest.empty()) ASSERT_EQ(digest, world.facts.history[i].success->key.inputs.at(port));
      }
    }
  });
}

TEST_F(PlanOfAnyProject, of_a_selection_is_what_the_whole_plan_says_of_its_ancestors) {
  each_case(12, [](World& world, Selection selection) {
    selection.force = false;
    if (selection.nodes.empty()) return;
    const auto whole = world.plan();
    const auto part = world.plan(selection);
    const auto up = ancestors_or_self(dag_of(world.project), selection.nodes);
    for (Index i = 0; i < world.project.nodes.size(); ++i) {
      const bool within = std::ranges::binary_search(up, i);
      ASSERT_EQ(part.reasons[i], within ? whole.reasons[i] : Reasons{});
    }
  });
}

}  // namespace
}  // namespace baton::core
