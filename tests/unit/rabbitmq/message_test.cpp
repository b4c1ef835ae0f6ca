#include "queue/rabbitmq/message.hpp"

#include <gtest/gtest.h>

namespace baton::test {
namespace {

using core::RunKey;

TEST(RabbitMessage, is_written_as_the_reference_writes_it) {
  const RunKey run{UserId(1), ProjectId("6b2c5b0e-0b4b-4b1a-8a53-6ad7a0a7f4c1"), Iteration(3)};
  EXPECT_EQ(to_message(run, "simcore.services.director-v2.scheduling"),
            R"({"channel_name":"simcore.services.director-v2.scheduling","user_id":1,)"
            R"("project_id":"6b2c5b0e-0b4b-4b1a-8a53-6ad7a0a7f4c1","iteration":3})");
}

TEST(RabbitMessage, comes_back_as_it_was_sent) {
  for (const auto* project : {"p", "with \"quotes\" and \\", "ümlaut", "line\nbreak"}) {
    const RunKey run{UserId(9'007'199'254'740'993), ProjectId(project), Iteration(7)};
    EXPECT_EQ(from_message(to_message(run, "c")), run);
  }
}

TEST(RabbitMessage, is_read_in_any_order_with_members_of_other_versions) {
  EXPECT_EQ(from_message(R"( { "iteration" : 2, "new": {"a": [1, null]}, "project_id": "p", "user_id": 5 } )"),
            (RunKey{UserId(5), ProjectId("p"), Iteration(2)}));
}

TEST(RabbitMessage, that_is_no_wake_up_is_an_error) {
  for (const auto* body :
       {"", "{", "{}", "[]", "null", "\x80\x03}q", R"({"user_id":1,"project_id":"p"})",
        R"({"user_id":"1","project_id":"p","iteration":1})", R"({"user_id":1.5,"project_id":"p","iteration":1})",
        R"({"user_id":1,"project_id":"","iteration":1})", R"({"user_id":1,"project_id":7,"iteration":1})",
        R"({"user_id":1,"project_id":"p","iteration":0})", R"({"user_id":1,"project_id":"p","iteration":99999999999999999999})",
        R"({"user_id":1,"project_id":"p","iteration":1)", R"({"user_id":1,"project_id":"p","iteration":1,})",
        R"({"user_id":1,"project_id":"p","iteration":1}x)", R"({"user_id":1 "project_id":"p","iteration":1})"}) {
    const auto run = from_message(body);
    ASSERT_FALSE(run.has_value()) << body;
    EXPECT_EQ(run.error().code, "queue.bad_message") << body;
  }
  EXPECT_FALSE(from_message(std::string(100'000, ' ') + R"({"user_id":1,"project_id":"p","iteration":1})").has_value());
}

}  // namespace
}  // namespace baton::test
