#include "store/codec/codec.hpp"

#include <gtest/gtest.h>

namespace baton::store {
namespace {

using namespace std::chrono_literals;

core::TaskDefinition a_task() {
  core::TaskDefinition task;
  task.node.id = NodeId("a[x,\"y\"]");
  task.node.step = std::make_shared<const core::Step>(core::Step{.name = "s", .command = {.shell = true, .words = {"true"}}});
  task.node.inputs = {{.port = "p", .source = core::Literal{{"[1,\"two\"]"}}}};
  task.key = {.definition = "d", .inputs = {{"p", "i"}}};
  return task;
}

TEST(Codec, what_is_as_usual_is_not_written) {
  EXPECT_EQ(
      to_json(a_task(), 0),
      R"({"id":"a[x,\"y\"]","step":0,"inputs":[{"port":"p","literal":"[1,\"two\"]"}],"key":{"definition":"d","inputs":{"p":"i"}}})");
  EXPECT_EQ(to_json(Steps{a_task().node.step}), R"([{"name":"s","shell":true,"words":["true"]}])");
  EXPECT_EQ(to_json(core::Reasons{}), "[]");
}

TEST(Codec, a_field_that_is_not_there_has_its_default) {
  const auto steps = steps_from(R"([{"name":"s","shell":true,"words":["true"]}])");
  ASSERT_TRUE(steps.has_value());
  EXPECT_EQ(*(*steps)[0], *a_task().node.step);
}

TEST(Codec, a_field_of_a_later_version_is_passed_over) {
  const auto steps = steps_from(R"([{"name":"s","shell":true,"words":["true"],"later":{"x":[1]}}])");
  ASSERT_TRUE(steps.has_value());
  EXPECT_EQ(*(*steps)[0], *a_task().node.step);
}

TEST(Codec, steps_and_tasks_come_back_as_they_were) {
  const auto steps = steps_from(to_json(Steps{a_task().node.step}));
  ASSERT_TRUE(steps.has_value());

  const auto task = task_from(to_json(a_task(), 0), *steps);

  ASSERT_TRUE(task.has_value());
  EXPECT_EQ(task->node.step, (*steps)[0]);
  EXPECT_EQ(task->node.id, a_task().node.id);
  EXPECT_EQ(task->node.inputs, a_task().node.inputs);
  EXPECT_EQ(task->key, a_task().key);
}

TEST(Codec, numbers_come_back_to_the_last_bit) {
  core::Step step = *a_task().node.step;
  step.resources = {{"cpu", 0.1}, {"ram", 1e300}, {"x", 1.0 / 3}, {"y", 5e-324}};
  step.limits.run = core::Duration::max();

  const auto back = steps_from(to_json(Steps{std::make_shared<const core::Step>(step)}));

  ASSERT_TRUE(back.has_value());
  EXPECT_EQ((*back)[0]->resources, step.resources);
  EXPECT_EQ((*back)[0]->limits.run, core::Duration::max());
  EXPECT_EQ(resources_from(to_json(step.resources)), step.resources);
  EXPECT_EQ(to_json(core::Resources{}), "{}");
  EXPECT_EQ(resources_from(R"({"cpu": "many"})").error().code, "store.damaged");
}

TEST(Codec, every_character_comes_back) {
  std::string all;
  for (int i = 0; i < 128; ++i) all += static_cast<char>(i);
  all += "\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80\xF4\x8F\xBF\xBF\xEF\xBF\xBF";

  const auto back = errors_from(to_json(std::vector<Error>{{.code = "c", .what = all}}));

  ASSERT_TRUE(back.has_value());
  EXPECT_EQ((*back)[0].what, all);
}

TEST(Codec, bytes_that_are_no_utf8_become_replacement_characters) {
  const std::string bad[] = {"\x80", "\xC0\xAF", "\xC3", "\xE0\x80\x80", "\xED\xA0\x80", "\xF5\x80\x80\x80", "\xF4\x90\x80\x80",
                             "\xFF"};
  for (const auto& bytes : bad) {
    const auto back = errors_from(to_json(std::vector<Error>{{.code = "c", .what = "<" + bytes + ">"}}));
    ASSERT_TRUE(back.has_value()) << back.error().what;
    EXPECT_EQ((*back)[0].what.substr(0, 4), "<\xEF\xBF\xBD");
    EXPECT_EQ((*back)[0].what.back(), '>');
  }
}

TEST(Codec, a_damaged_text_is_an_error_wherever_it_is_cut) {
  const auto whole = to_json(a_task(), 0);
  const Steps steps{a_task().node.step};
  for (std::size_t length = 0; length < whole.size(); ++length) {
    const auto read = task_from(whole.substr(0, length), steps);
    ASSERT_FALSE(read.has_value()) << length;
    EXPECT_EQ(read.error().code, "store.damaged");
  }
}

TEST(Codec, a_text_of_another_shape_is_an_error) {
  const Steps steps{a_task().node.step};
  for (const auto* text : {"null", "[]", "{}", "7", R"({"id":7})", R"({"id":"a","step":1,"key":{"definition":"d"}})",
                           R"({"id":"a","step":-1,"key":{"definition":"d"}})", R"({"id":"a","step":0,"key":[]})",
                           R"({"id":"a","step":0,"key":{"definition":"d"},"inputs":{}})",
                           R"({"id":"a","step":0,"key":{"definition":"d"},"inputs":[{"port":"p"}]})",
                           R"({"id":"a","step":0,"key":{"definition":"d"},"foreach":[["x"]]})",
                           R"({"id":"a","step":0,"key":{"definition":"d"},"reasons":[{"kind":"because"}]})"}) {
    EXPECT_FALSE(task_from(text, steps).has_value()) << text;
  }
  EXPECT_FALSE(steps_from("{}").has_value());
  EXPECT_FALSE(steps_from(R"([{"name":"s","shell":true,"outputs":[{"port":"p","kind":"pipe"}]}])").has_value());
  EXPECT_FALSE(success_from("[]").has_value());
  EXPECT_FALSE(reasons_from("{}").has_value());
  EXPECT_FALSE(errors_from(R"([{"code":"c"}])").has_value());
}

core::Success a_success() {
  return {.run = RunId(7),
          .iteration = Iteration(2),
          .attempt = 3,
          .key = {.definition = "d", .inputs = {{"a", "1"}, {"b", ""}}},
          .products = {{.port = "v", .content = core::Value{"[1]"}},
                       {.port = "o", .content = core::Stamp{.path = "/o", .stat = "s", .digest = "x", .settled = false}}},
          .stamps = {{.path = "/i", .stat = "t", .digest = "y"}},
          .submitted = core::Instant(1us),
          .started = core::Instant(-2us),
          .ended = core::Instant(core::Duration::max()),
          .log = "/log",
          .simulated = true};
}

TEST(Codec, a_success_comes_back_as_it_was) {
  const auto whole = to_json(a_success());

  const auto back = success_from(whole);

  ASSERT_TRUE(back.has_value()) << back.error().what;
  EXPECT_EQ(back->products, a_success().products);
  EXPECT_EQ(back->stamps, a_success().stamps);
  EXPECT_EQ(to_json(*back), whole);
}

TEST(Codec, members_may_stand_in_any_order_and_with_space_between) {
  const auto back = success_from(
      " { \"later\" : [ {\"x\":[null,-1.5e3]}, \"\\u00e4\" ] ,\n\t\"key\":{\"definition\" : \"d\"},\r"
      "\"attempt\":1, \"iteration\":2, \"products\":[ ], \"run\":3 } ");

  ASSERT_TRUE(back.has_value()) << back.error().what;
  EXPECT_EQ(back->run, RunId(3));
  EXPECT_EQ(back->iteration, Iteration(2));
  EXPECT_EQ(back->key.definition, "d");
}

TEST(Codec, a_damaged_success_is_an_error_wherever_it_is_cut_and_whatever_follows) {
  const auto whole = to_json(a_success());
  for (std::size_t length = 0; length < whole.size(); ++length) {
    const auto read = success_from(whole.substr(0, length));
    ASSERT_FALSE(read.has_value()) << length;
    EXPECT_EQ(read.error().code, "store.damaged");
  }
  for (const auto* more : {"}", ",", "0", "{}"}) EXPECT_FALSE(success_from(whole + more).has_value()) << more;
}

TEST(Codec, content_of_another_kind_is_an_error) {
  const auto with = [](const std::string& member) {
    return success_from(R"({"iteration":1,"attempt":1,"key":{"definition":"d"},)" + member + "}").has_value();
  };
  EXPECT_TRUE(with(R"("run":1)"));
  for (const auto* member : {R"("run":"1")",
                             R"("run":1.5)",
                             R"("run":01)",
                             R"("run":9223372036854775808)",
                             R"("run":null)",
                             R"("run":1,)",
                             R"("run" 1)",
                             R"("run":1,"attempt":2147483648)",
                             R"("run":1,"simulated":1)",
                             R"("run":1,"simulated":truth)",
                             R"("run":1,"log":"\x")",
                             R"("run":1,"log":"\ud800")",
                             "\"run\":1,\"log\":\"\x80\"",
                             "\"run\":1,\"log\":\"a\nb\"",
                             R"("run":1,"key":{"definition":1})",
                             R"("run":1,"products":[{"port":"o","path":"/o","stat":"s"}])",
                             R"("run":1,"products":{"port":"o"})",
                             R"("run":1,"stamps":[1])",
                             R"("run":1,"unknown":[1,])",
                             R"("run":1,"unknown":)"})
    EXPECT_FALSE(with(member)) << member;
}

TEST(Codec, an_error_says_at_which_byte_the_text_is_wrong) {
  const auto read = reasons_from(R"([{"kind":"forced","port":7}])");

  ASSERT_FALSE(read.has_value());
  EXPECT_EQ(read.error().code, "store.damaged");
  EXPECT_EQ(read.error().what, "the stored reasons cannot be read: a text is expected at byte 25");
  EXPECT_EQ(read.error().where, R"([{"kind":"forced","port":7}])");
}

TEST(Codec, what_is_passed_over_may_not_be_nested_without_end_either) {
  const auto steps = steps_from(R"([{"name":"s","shell":true,"later":)" + std::string(1'000'000, '['));
  EXPECT_FALSE(steps.has_value());
}

TEST(Codec, a_text_that_is_nested_without_end_is_an_error) {
  EXPECT_FALSE(reasons_from(std::string(1'000'000, '[')).has_value());
}

TEST(Codec, every_reason_and_every_kind_of_output_has_its_name) {
  core::Step step = *a_task().node.step;
  for (auto kind : {core::OutputKind::file, core::OutputKind::directory, core::OutputKind::number, core::OutputKind::integer,
                    core::OutputKind::string, core::OutputKind::boolean, core::OutputKind::json}) {
    step.outputs.push_back({.port = "p", .kind = kind});
  }
  const auto back = steps_from(to_json(Steps{std::make_shared<const core::Step>(step)}));
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ((*back)[0]->outputs, step.outputs);

  core::Reasons reasons;
  for (auto kind = core::ReasonKind::never_succeeded; kind <= core::ReasonKind::not_cached;
       kind = static_cast<core::ReasonKind>(static_cast<int>(kind) + 1)) {
    reasons.push_back({.kind = kind});
  }
  EXPECT_EQ(reasons_from(to_json(reasons)), reasons);
}

}  // namespace
}  // namespace baton::store
