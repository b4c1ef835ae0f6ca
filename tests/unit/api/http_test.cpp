#include "api/http.hpp"

#include <gtest/gtest.h>

#include "api/router.hpp"
#include "api/server.hpp"

namespace baton::api {
namespace {

TEST(Target, segments_and_values_are_decoded_each_by_itself) {
  const auto call = call_of("GET", "/v2/a%2Fb/x+y?node=align%5Ba%5D&w=1+2%2B&flag&=v");

  ASSERT_TRUE(call);
  EXPECT_EQ(call->path, (std::vector<std::string>{"v2", "a/b", "x+y"}));
  EXPECT_EQ(call->query.at("node"), "align[a]");
  EXPECT_EQ(call->query.at("w"), "1 2+");
  EXPECT_EQ(call->query.at("flag"), "");
}

TEST(Target, what_is_no_path_is_refused) {
  for (const auto* target : {"", "http://127.0.0.1/v2", "*", "/%", "/%4", "/%zz", "/a%00b", "/?a=%f", "/?a=1&a=2", "/%+1"})
    EXPECT_FALSE(call_of("GET", target)) << target;
}

TEST(Routes, each_path_of_the_manual_is_known_by_its_method) {
  struct Case {
    std::string method, target, name, value;
  };
  for (const auto& [method, target, name, value] :
       {Case{"PUT", "/v2/projects/p", "project", "p"}, Case{"POST", "/v2/computations", "", ""},
        Case{"GET", "/v2/computations/p", "project", "p"}, Case{"POST", "/v2/computations/p:stop", "project", "p"},
        Case{"POST", "/v2/computations/p:plan", "project", "p"}, Case{"POST", "/v2/computations/p:why", "project", "p"},
        Case{"GET", "/v2/computations/p/tasks/a%3Ab%2Fc/log", "node", "a:b/c"},
        Case{"GET", "/v2/computations/p/events", "project", "p"}, Case{"POST", "/v2/quarantine/1:p:2:release", "run", "1:p:2"},
        Case{"GET", "/healthz", "", ""}}) {
    auto call = call_of(method, target);
    ASSERT_TRUE(call) << target;
    std::string allowed;
    ASSERT_NE(find_route(routes(), *call, allowed), nullptr) << target;
    if (!name.empty()) EXPECT_EQ(call->names.at(name), value);
  }
}

TEST(Routes, another_method_is_told_which_ones_there_are) {
  auto call = call_of("DELETE", "/v2/computations/p");
  std::string allowed;

  EXPECT_EQ(find_route(routes(), *call, allowed), nullptr);
  EXPECT_EQ(allowed, "GET");
}

TEST(Routes, no_other_path_is_known) {
  for (const auto* target : {"/", "/v2", "/v2/computations/", "/v2/computations/p:go", "/v2/computations/p/tasks/n",
                             "/v2/projects/p/q", "/healthz/", "/v2/computations/:stop", "//healthz"}) {
    auto call = call_of("POST", target);
    ASSERT_TRUE(call) << target;
    std::string allowed;
    EXPECT_EQ(find_route(routes(), *call, allowed), nullptr) << target;
    EXPECT_EQ(allowed, "") << target;
  }
}

TEST(Host, only_names_of_the_loopback_are_taken) {
  for (const auto* host : {"localhost", "LOCALHOST:8000", "127.0.0.1", "127.0.0.1:80", "127.1.2.3", "[::1]", "[::1]:8000"})
    EXPECT_TRUE(is_loopback_name(host)) << host;
  for (const auto* host : {"", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "10.0.0.1", "[::2]",
                           "localhost:", "localhost:8x", "[::1]x", "0.0.0.0", "127.0.0.1@evil.example"})
    EXPECT_FALSE(is_loopback_name(host)) << host;
}

TEST(Secret, only_the_same_one_is_the_same) {
  EXPECT_TRUE(same_secret("abc", "abc"));
  for (const auto* given : {"", "ab", "abcd", "abd", "abcabc", "Abc"}) EXPECT_FALSE(same_secret(given, "abc")) << given;
  EXPECT_FALSE(same_secret("", ""));
}

}  // namespace
}  // namespace baton::api
