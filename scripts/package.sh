#!/usr/bin/env bash
# package.sh : makes build/drover_VERSION_ARCH.deb from the release (scripts/release.sh) and looks at it:
# the program starts from it, and its configuration passes `drover config check`. The same commit and
# the same counts (PROFILE=FILE) give the same bytes.
set -euo pipefail
source "$(dirname "$0")/lib.sh"
cd "$ROOT"
scripts/packages.sh package
scripts/release.sh

stage="$BUILD/package/root"
rm -rf "$BUILD/package"
install -D -m 0755 build/release/drover "$stage/usr/bin/drover"
strip --strip-unneeded "$stage/usr/bin/drover"
install -D -m 0644 deploy/systemd/drover.service "$stage/lib/systemd/system/drover.service"
install -D -m 0640 deploy/config/drover.yaml "$stage/etc/drover/drover.yaml"
mkdir -p "$stage/usr/share/bash-completion/completions"
build/release/drover completion >"$stage/usr/share/bash-completion/completions/drover"
chmod 0644 "$stage/usr/share/bash-completion/completions/drover"
docs="$stage/usr/share/doc/drover"
install -D -m 0644 LICENSE "$docs/copyright"
for file in README.md CHANGELOG.md ARCHITECTURE.md; do
  [ ! -f $file ] || install -D -m 0644 $file "$docs/$file"
done
if [ -d examples ]; then
  git ls-files -z examples | while IFS= read -r -d '' file; do install -D -m 0644 "$file" "$docs/$file"; done
fi

version="$(sed -n 's/^project(drover VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt)"
arch="$(dpkg --print-architecture)"
# The libraries of Debian that the program was linked with, in the versions it needs.
mkdir -p "$BUILD/package/debian"
printf 'Source: drover\n\nPackage: drover\nArchitecture: any\n' >"$BUILD/package/debian/control"
depends="$(cd "$BUILD/package" && dpkg-shlibdeps -O root/usr/bin/drover 2>shlibdeps.log |
  sed -n 's/^shlibs:Depends=//p')"
[ -n "$depends" ] || { cat "$BUILD/package/shlibdeps.log" >&2; die 1 "dpkg-shlibdeps named no library"; }

mkdir -p "$stage/DEBIAN"
sed -e "s/@VERSION@/$version/" -e "s/@ARCH@/$arch/" -e "s/@DEPENDS@/$depends/" \
  -e "s/@SIZE@/$(du -sk --apparent-size "$stage" | cut -f1)/" deploy/debian/control.in >"$stage/DEBIAN/control"
echo /etc/drover/drover.yaml >"$stage/DEBIAN/conffiles"
install -m 0755 deploy/debian/postinst deploy/debian/prerm deploy/debian/postrm "$stage/DEBIAN/"

# One time for all files, that of the commit.
SOURCE_DATE_EPOCH="${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}"
export SOURCE_DATE_EPOCH
package="build/drover_${version}_$arch.deb"
dpkg-deb --root-owner-group -Zxz --build "$stage" "$package" >/dev/null

look="$BUILD/package/look"
dpkg-deb -x "$package" "$look"
"$look/usr/bin/drover" --version >/dev/null || die 1 "the program of the package does not start"
"$look/usr/bin/drover" config check "$look/etc/drover/drover.yaml" >"$BUILD/package/config.log" 2>&1 ||
  { cat "$BUILD/package/config.log" >&2; die 1 "the configuration of the package has faults"; }
if command -v systemd-analyze >/dev/null; then
  # Without its program at /usr/bin the unit cannot be verified where it will stand; so beside it.
  sed "s#/usr/bin/drover#$look/usr/bin/drover#" deploy/systemd/drover.service >"$BUILD/package/drover.service"
  systemd-analyze verify --man=no "$BUILD/package/drover.service" ||
    die 1 "systemd does not accept the unit"
fi
say "$package, $(du -h "$package" | cut -f1); install it by: apt install ./$package"
