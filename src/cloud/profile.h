#pragma once
// Reads AWS's shared files: ~/.aws/credentials and ~/.aws/config (an INI dialect). Pure: text in,
// profiles out; which file is read, and by whom, is credentials.h.
//
// Both forms of section: "[name]" (credentials) and "[profile name]" (config; "[default]" too, and
// "[profile default]" wins over it). Sections of other kinds (sso-session, services) are skipped.
// Keys are lower-cased. '#' and ';' begin comments: as the first character of a line, or in a value
// after white space. Indented lines belong to the setting above (nested settings): kept nowhere.
//
// Values are Secrets, since any may be one. Failure: invalid_argument with the line number and what
// is wrong with it, never with its text. Limits: limits::kProfileBytesMax.
// Source: "Shared config and credentials files" in the AWS SDKs and Tools Reference Guide.

#include <map>
#include <string>
#include <string_view>

#include "base/limits/cloud.h"
#include "base/result.h"
#include "base/secret.h"

namespace drover::cloud {

using Profile = std::map<std::string, Secret, std::less<>>;
using Profiles = std::map<std::string, Profile, std::less<>>;

enum class ProfileFile { kCredentials, kConfig };

Result<Profiles> parse_profiles(std::string_view text, ProfileFile kind);

/// `over` laid upon `base`, setting by setting: the credentials file goes over the config file.
void merge_profiles(Profiles& base, Profiles over);

}  // namespace drover::cloud
