#include "wire/read_plans.hpp"

#include <gtest/gtest.h>

#include "wire/plans.hpp"

namespace baton::wire {
namespace {

TEST(ReadPlans, a_plan_comes_back_with_its_reasons) {
  core::Project project;
  const auto step = std::make_shared<const core::Step>();
  project.nodes = {{.id = NodeId("a"), .step = step}, {.id = NodeId("b"), .step = step, .after = {0}}};
  core::Plan plan;
  plan.nodes = {1};
  plan.reasons = {{}, {{.kind = core::ReasonKind::input_changed, .port = "p", .detail = "/x changed"}}};

  const auto back = plan_from(plan_json(project, plan));

  ASSERT_TRUE(back.has_value()) << back.error().what;
  ASSERT_EQ(back->size(), 2U);
  EXPECT_EQ((*back)[0].node, NodeId("a"));
  EXPECT_TRUE((*back)[0].reasons.empty());
  EXPECT_EQ((*back)[1].reasons, plan.reasons[1]);
}

TEST(ReadPlans, explanations_come_back_line_by_line) {
  const std::vector<core::Explained> told{
      {NodeId("a"), {{core::Topic::state, "it runs"}, {core::Topic::reason, "forced"}, {core::Topic::log, "/l"}}},
      {NodeId("b"), {}}};

  const auto back = why_from(why_json(told));

  ASSERT_TRUE(back.has_value()) << back.error().what;
  ASSERT_EQ(back->size(), 2U);
  EXPECT_EQ((*back)[0].node, NodeId("a"));
  EXPECT_EQ((*back)[0].lines, told[0].lines);
  EXPECT_TRUE((*back)[1].lines.empty());
}

TEST(ReadPlans, what_is_no_plan_is_refused) {
  for (const auto* text : {"", "[]", "{}", R"({"tasks":{}})", R"({"tasks":[1]})", R"({"tasks":[{"node":"a"}]})",
                           R"({"tasks":[{"node":"a","reasons":[{"kind":"later"}]}]})"})
    EXPECT_FALSE(plan_from(text).has_value()) << text;
  for (const auto* text : {"", R"({"tasks":[{"node":1,"lines":[]}]})", R"({"tasks":[{"node":"a"}]})"})
    EXPECT_FALSE(why_from(text).has_value()) << text;
}

}  // namespace
}  // namespace baton::wire
