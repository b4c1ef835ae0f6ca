#include "cli/session.hpp"

#include <gtest/gtest.h>

#include <filesystem>

#include "formats/named.hpp"

namespace baton::cli {
namespace {

TEST(Places, state_and_results_stand_beside_the_file) {
  const auto places = places_of({.file = "/data/x/../analysis/p.yaml"});

  EXPECT_EQ(places.file, "/data/analysis/p.yaml");
  EXPECT_EQ(places.dir, "/data/analysis");
  EXPECT_EQ(places.state, "/data/analysis/.baton");
  EXPECT_EQ(places.out, "/data/analysis/baton-out");
  EXPECT_EQ(places.project.value(), "p.yaml");
}

TEST(Places, what_was_typed_counts_from_the_current_folder) {
  const auto here = std::filesystem::current_path();
  const auto places = places_of({.file = "p.yaml", .state = "s/", .out = "/o"});

  EXPECT_EQ(places.file, (here / "p.yaml").string());
  EXPECT_EQ(places.state, (here / "s").string());
  EXPECT_EQ(places.out, "/o");
}

TEST(Resources, amounts_are_numbers_with_or_without_a_unit_of_size) {
  EXPECT_EQ(resources_from("license-x=2,ram=8GiB,cpu=1.5,disk=2kB"),
            (core::Resources{{"cpu", 1.5}, {"disk", 2000}, {"license-x", 2}, {"ram", 8589934592.0}}));
  EXPECT_EQ(resources_from(""), core::Resources{});
  for (const auto* bad : {"ram", "=1", "ram=", "ram=much", "ram=-1", "ram=8GiBs", "ram=inf", "ram=nan", "a=1,,b=2"}) {
    const auto refused = resources_from(bad);
    ASSERT_FALSE(refused) << bad;
    EXPECT_EQ(refused.error().code, "usage.resources");
  }
}

core::Project project_of_two_steps() {
  const auto reads = std::make_shared<core::Step>(core::Step{.name = "reads"});
  const auto count = std::make_shared<core::Step>(core::Step{.name = "count"});
  core::Project project{.name = "p", .file = "p.yaml"};
  project.nodes = {{.id = NodeId("reads[a]"), .step = reads},
                   {.id = NodeId("count"), .step = count},
                   {.id = NodeId("reads[b]"), .step = reads}};
  return project;
}

TEST(Nodes, a_step_names_all_its_tasks_and_brackets_name_one) {
  const auto project = project_of_two_steps();

  EXPECT_EQ(formats::nodes_named(project, "reads"), (std::vector<Index>{0, 2}));
  EXPECT_EQ(formats::nodes_named(project, "reads[b]"), std::vector<Index>{2});
  EXPECT_EQ(formats::nodes_named(project, "count"), std::vector<Index>{1});
}

TEST(Nodes, an_unknown_one_is_answered_with_those_that_are_near) {
  const auto project = project_of_two_steps();

  EXPECT_EQ(formats::nodes_named(project, "raeds").error().way_out, "nodes: reads, count; did you mean 'reads'?");
  EXPECT_EQ(formats::nodes_named(project, "reads[c]").error().way_out, "tasks: reads[a], reads[b]; did you mean 'reads[a]'?");
}

}  // namespace
}  // namespace baton::cli
