/// What a replica can be told: one list of names, and where each value came from.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/model.hpp"
#include "core/result.hpp"

namespace baton::settings {

enum class Kind : std::uint8_t { text, number, duration, truth, paths };

struct Setting {
  std::string_view name;  ///< of the environment variable and in baton.yaml; the reference's where it has one (C§9)
  std::string_view flag;  ///< `--listen`; empty: none
  Kind kind = Kind::text;
  std::string_view fallback;         ///< empty: not set
  std::int64_t least = 0, most = 0;  ///< of numbers, and of durations in milliseconds
  bool needed = false;               ///< an empty value is refused
  bool secret = false;               ///< never shown
  std::string_view text;             ///< for people
};
/// All of them, in the order in which they are shown.
[[nodiscard]] std::span<const Setting> all();

struct Sources {
  std::map<std::string, std::string> flags;                                   ///< by the setting's name
  std::function<std::optional<std::string>(const std::string&)> environment;  ///< empty: as if it was not set
  std::vector<std::string> environment_names;                                 ///< all that are set
  std::map<std::string, std::string> file;                                    ///< `--config`, by the setting's name
  std::string file_name;                                                      ///< for messages
};

class Settings {
 public:
  /// A flag goes before the environment, that before the file, that before the default. Every value is checked.
  /// Errors: settings.bad_value, settings.missing, settings.unknown (a name in the file), each naming the setting and its source.
  static Result<Settings> read(const Sources& sources);
  /// As read, with all that is wrong, to be shown: only those without complaints may be used.
  static Settings gather(const Sources& sources);
  [[nodiscard]] const std::vector<Error>& complaints() const { return complaints_; }
  /// Names in the environment that look like settings and are none, or none yet.
  [[nodiscard]] const std::vector<std::string>& ignored() const { return ignored_; }

  [[nodiscard]] const std::string& text(std::string_view name) const;
  [[nodiscard]] std::int64_t number(std::string_view name) const;
  [[nodiscard]] core::Duration duration(std::string_view name) const;
  [[nodiscard]] bool truth(std::string_view name) const;
  /// Separated by ':' as in PATH; none for an empty value.
  [[nodiscard]] std::vector<std::string> paths(std::string_view name) const;
  /// A line each: `NAME=value  # where it came from: what it means`; secrets as `***`.
  [[nodiscard]] std::string show() const;

 private:
  struct Value {
    std::string text, source;
  };
  std::map<std::string, Value, std::less<>> values_;
  std::vector<Error> complaints_;
  std::vector<std::string> ignored_;
};

/// `5 s`, `200ms`, `10min`, `2 h`, `1.5s`; a bare number is seconds; `00:10:00` as the reference's settings write it.
[[nodiscard]] std::optional<core::Duration> duration_from(std::string_view text);

}  // namespace baton::settings
