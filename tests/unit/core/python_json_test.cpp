#include "core/python_json.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace baton::core {
namespace {

TEST(PythonFloat, is_the_repr_of_python) {
  const std::pair<double, const char*> cases[] = {
      {1.0, "1.0"},
      {0.00001, "1e-05"},
      {0.0001, "0.0001"},
      {1e15, "1000000000000000.0"},
      {1e16, "1e+16"},
      {1e22, "1e+22"},
      {5e-324, "5e-324"},
      {1.7976931348623157e308, "1.7976931348623157e+308"},
      {-0.0, "-0.0"},
      {123.456, "123.456"},
      {1234567.0, "1234567.0"},
      {0.1, "0.1"},
      {1.0 / 3, "0.3333333333333333"},
      {100.0, "100.0"},
      {-2.5e-7, "-2.5e-07"},
      {9007199254740993.0, "9007199254740992.0"},
      {1.5e300, "1.5e+300"},
      {123456789012345680.0, "1.2345678901234568e+17"},
      {1e100, "1e+100"},
      {0.0, "0.0"},
  };
  for (const auto& [value, text] : cases) EXPECT_EQ(python_float(value), text);
  EXPECT_EQ(python_float(std::numeric_limits<double>::quiet_NaN()), "NaN");
  EXPECT_EQ(python_float(std::numeric_limits<double>::infinity()), "Infinity");
  EXPECT_EQ(python_float(-std::numeric_limits<double>::infinity()), "-Infinity");
}

TEST(PythonDump, sorts_keys_at_every_level_by_code_point) {
  EXPECT_EQ(python_dump(R"({"b":{"z":1,"a":2},"a":[{"y":1,"B":2}],"é":1,"Z":0})"),
            R"({"Z": 0, "a": [{"B": 2, "y": 1}], "b": {"a": 2, "z": 1}, "\u00e9": 1})");
}

TEST(PythonDump, keeps_the_last_of_equal_keys) { EXPECT_EQ(python_dump(R"({"a":1,"b":2,"a":3})"), R"({"a": 3, "b": 2})"); }

TEST(PythonDump, escapes_as_python_does) {
  EXPECT_EQ(python_dump(R"("\"\\\/\b\f\n\r\t\u0001 ~")"), R"("\"\\/\b\f\n\r\t\u0001 ~")");
  EXPECT_EQ(python_dump("\"\xC3\xBC \xE2\x82\xAC \xF0\x9F\x98\x80 \x7F\""), R"("\u00fc \u20ac \ud83d\ude00 \u007f")");
  EXPECT_EQ(python_dump(R"("\ud83d\ude00\u00FC")"), R"("\ud83d\ude00\u00fc")");
}

TEST(PythonDump, keeps_integers_of_any_length) {
  EXPECT_EQ(python_dump("123456789012345678901234567890"), "123456789012345678901234567890");
  EXPECT_EQ(python_dump("-0"), "0");
  EXPECT_EQ(python_dump("-12"), "-12");
}

TEST(PythonDump, makes_a_float_of_every_point_and_exponent) {
  EXPECT_EQ(python_dump("1E5"), "100000.0");
  EXPECT_EQ(python_dump("1.10"), "1.1");
  EXPECT_EQ(python_dump("1e400"), "Infinity");
  EXPECT_EQ(python_dump("-1e400"), "-Infinity");
  EXPECT_EQ(python_dump("1e-400"), "0.0");
  EXPECT_EQ(python_dump("[NaN, Infinity, -Infinity]"), "[NaN, Infinity, -Infinity]");
}

TEST(PythonDump, keeps_empty_and_white_space_apart) {
  EXPECT_EQ(python_dump(" { } "), "{}");
  EXPECT_EQ(python_dump("[ ]"), "[]");
  EXPECT_EQ(python_dump("\t[1 ,\n2\r]"), "[1, 2]");
}

TEST(PythonDump, takes_nothing_that_is_not_json) {
  for (const auto* bad : {"",
                          " ",
                          "01",
                          "1.",
                          ".5",
                          "+1",
                          "0x1",
                          "1_0",
                          "-NaN",
                          "nan",
                          "tru",
                          "[1,]",
                          "[1 2]",
                          "{\"a\":1,}",
                          "{a:1}",
                          "{\"a\"}",
                          "\"a",
                          "\"a\tb\"",
                          R"("\x")",
                          R"("\ud800")",
                          R"("\ud800\u0041")",
                          R"("\udc00")",
                          R"("\u12")",
                          "12 x",
                          "\xEF\xBB\xBF"
                          "1",
                          "\"\xC0\xAF\"",
                          "\"\xED\xA0\x80\"",
                          "\"\xF4\x90\x80\x80\"",
                          "\"\xE2\x82\""}) {
    EXPECT_EQ(python_dump(bad), std::nullopt) << bad;
  }
}

TEST(PythonDump, refuses_what_is_nested_too_deeply) {
  const auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  EXPECT_EQ(python_dump(nested(200)), nested(200));
  EXPECT_EQ(python_dump(nested(100'000)), std::nullopt);
  EXPECT_EQ(python_dump(std::string(100'000, '[')), std::nullopt);
}

TEST(JsonReader, gives_values_as_they_are_written) {
  JsonReader reader(R"( {"a" : [1, "x"] } , 1e5)");
  EXPECT_EQ(reader.value(), R"({"a" : [1, "x"] })");
  EXPECT_TRUE(reader.take(','));
  EXPECT_EQ(reader.value(), "1e5");
  EXPECT_TRUE(reader.at_end());
  EXPECT_EQ(reader.value(), std::nullopt);
}

TEST(JsonReader, refuses_values_that_are_nested_too_deeply) {
  const std::string open(100'000, '[');
  JsonReader reader(open);
  EXPECT_EQ(reader.value(), std::nullopt);
  EXPECT_EQ(reader.position(), 0u);
}

}  // namespace
}  // namespace baton::core
