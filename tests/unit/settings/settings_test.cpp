#include "settings/settings.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace baton::settings {
namespace {

/// With what is needed, and what the test says.
Sources sources(std::map<std::string, std::string> environment, std::map<std::string, std::string> file = {},
                std::map<std::string, std::string> flags = {}) {
  environment.try_emplace("POSTGRES_USER", "user");
  environment.try_emplace("POSTGRES_DB", "db");
  Sources all{.flags = std::move(flags), .file = std::move(file), .file_name = "baton.yaml"};
  for (const auto& [name, value] : environment) all.environment_names.push_back(name);
  all.environment = [environment](const std::string& name) {
    const auto found = environment.find(name);
    return found == environment.end() ? std::nullopt : std::optional(found->second);
  };
  return all;
}

TEST(Settings, a_flag_goes_before_the_environment_that_before_the_file_that_before_the_default) {
  const std::string name = "BATON_LISTEN";
  EXPECT_EQ(Settings::read(sources({}))->text(name), "127.0.0.1:8000");
  EXPECT_EQ(Settings::read(sources({}, {{name, "file:1"}}))->text(name), "file:1");
  EXPECT_EQ(Settings::read(sources({{name, "environment:1"}}, {{name, "file:1"}}))->text(name), "environment:1");
  EXPECT_EQ(Settings::read(sources({{name, "environment:1"}}, {{name, "file:1"}}, {{name, "flag:1"}}))->text(name), "flag:1");
  EXPECT_EQ(Settings::read(sources({{name, ""}}, {{name, "file:1"}}))->text(name), "file:1") << "empty is as not set";
}

TEST(Settings, what_is_missing_wrong_or_unknown_is_named_with_its_place) {
  const auto missing = Settings::read(sources({{"POSTGRES_USER", ""}}));
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, "settings.missing");
  EXPECT_NE(missing.error().what.find("POSTGRES_USER"), std::string::npos) << missing.error().what;

  const auto wrong = Settings::read(sources({{"RABBIT_PORT", "many"}}));
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code, "settings.bad_value");
  EXPECT_NE(wrong.error().what.find("RABBIT_PORT='many'"), std::string::npos) << wrong.error().what;
  EXPECT_EQ(wrong.error().where, "environment");

  const auto unknown = Settings::read(sources({}, {{"RABIT_PORT", "1"}}));
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, "settings.unknown");
  EXPECT_EQ(unknown.error().where, "baton.yaml");
}

TEST(Settings, all_that_is_wrong_is_gathered_beside_what_holds) {
  const auto all = Settings::gather(sources({{"POSTGRES_USER", ""}, {"RABBIT_PORT", "0"}, {"POSTGRES_PASSWORD", "secret"}}));
  EXPECT_EQ(all.complaints().size(), 2u);
  const auto shown = all.show();
  EXPECT_NE(shown.find("RABBIT_PORT=0  # environment"), std::string::npos) << shown;
  EXPECT_NE(shown.find("POSTGRES_PASSWORD=***"), std::string::npos) << shown;
  EXPECT_EQ(shown.find("secret"), std::string::npos);
  EXPECT_EQ(std::ranges::count(shown, '\n'), static_cast<std::ptrdiff_t>(settings::all().size()));
}

TEST(Settings, names_that_look_like_settings_and_are_none_are_known) {
  const auto all = Settings::gather(
      sources({{"BATON_LISTENS", "x"}, {"COMPUTATIONAL_BACKEND_ENABLED", "1"}, {"BATON_SERVER", "of clients"}, {"PATH", "x"}}));
  EXPECT_TRUE(all.complaints().empty());
  EXPECT_EQ(all.ignored(), (std::vector<std::string>{"BATON_LISTENS", "COMPUTATIONAL_BACKEND_ENABLED"}));
}

TEST(Settings, times_are_read_in_each_of_their_forms) {
  using namespace std::chrono_literals;
  EXPECT_EQ(duration_from("5s"), 5s);
  EXPECT_EQ(duration_from("200ms"), 200ms);
  EXPECT_EQ(duration_from("1.5s"), 1500ms);
  EXPECT_EQ(duration_from("10 min"), 10min);
  EXPECT_EQ(duration_from("30"), 30s);
  EXPECT_EQ(duration_from("00:10:05"), 605s);
  for (const auto* none : {"", "s", "5 parsecs", "-1s", "1e99s"}) EXPECT_EQ(duration_from(none), std::nullopt) << none;
}

}  // namespace
}  // namespace baton::settings
