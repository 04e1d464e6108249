# `cpack` makes .deb files of an installed tree, one a component: cpsd, cps-smpp, libcps1, libcps-dev, cps-tools.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME stir-cps)
set(CPACK_PACKAGE_VENDOR "the stir-cps authors")
set(CPACK_PACKAGE_CONTACT "the stir-cps authors <stir-cps@packages.invalid>")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_GROUPING IGNORE)
set(CPACK_COMPONENTS_ALL cpsd cps-smpp libcps1 libcps-dev cps-tools)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_SECTION net)

# package(COMPONENT SUMMARY TEXT): the description, and what Debian wants in /usr/share/doc.
function(package component)
  string(TOUPPER ${component} key)
  set(CPACK_DEBIAN_${key}_PACKAGE_NAME ${component} PARENT_SCOPE)
  set(CPACK_COMPONENT_${key}_DESCRIPTION "${ARGV1}\n${ARGV2}" PARENT_SCOPE)
  set(doc ${CMAKE_CURRENT_BINARY_DIR}/doc/${component})
  configure_file(${CMAKE_CURRENT_SOURCE_DIR}/packaging/copyright.in ${doc}/copyright @ONLY)
  configure_file(${CMAKE_CURRENT_SOURCE_DIR}/packaging/changelog.in ${doc}/changelog.Debian @ONLY)
  execute_process(COMMAND gzip -9nf ${doc}/changelog.Debian COMMAND_ERROR_IS_FATAL ANY)
  install(FILES ${doc}/copyright ${doc}/changelog.Debian.gz
          DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/${component} COMPONENT ${component})
endfunction()

file(READ ${PROJECT_SOURCE_DIR}/LICENSE license)
string(REGEX REPLACE "^[^\n]*\n\nCopyright[^\n]*\n\n" "" license "${license}")
string(STRIP "${license}" license)
string(REPLACE "\n\n" "\n.\n" license "${license}")
string(REPLACE "\n" "\n " license "${license}")

package(cpsd "Call Placement Service for text messages"
"Keeps encrypted PASSporTs (RFC 8816, RFC 9475) under the number
that a message goes to, until the terminating side fetches them. HTTPS in
front, Redis behind.")
package(cps-smpp "SMPP sidecar that signs and verifies text messages"
"Stands between an SMPP gateway and its peer, neither of which need
be changed: signs what is sent, publishes PASSporTs at a Call Placement
Service, and judges what is received.")
package(libcps1 "Client library of a Call Placement Service - shared library"
"Signs, encrypts, publishes, retrieves, decrypts and verifies the PASSporTs
of text messages (RFC 8816, RFC 9475).")
package(libcps-dev "Client library of a Call Placement Service - development files"
"Headers, pkg-config and CMake files of libcps, which signs, encrypts,
publishes, retrieves, decrypts and verifies the PASSporTs of text messages.")
package(cps-tools "Command-line client of a Call Placement Service"
"cpsctl signs, encrypts, publishes, retrieves, decrypts, verifies and
inspects PASSporTs of text messages, and makes certificates for trying out.")

foreach(daemon CPSD CPS-SMPP)
  string(TOLOWER ${daemon} name)
  set(CPACK_DEBIAN_${daemon}_PACKAGE_DEPENDS "adduser")
  set(scripts ${CMAKE_CURRENT_BINARY_DIR}/scripts/${name})
  file(WRITE ${scripts}/conffiles "/etc/stir-cps/${name}.conf\n")
  set(package ${name})
  foreach(script postinst prerm postrm)
    configure_file(${CMAKE_CURRENT_SOURCE_DIR}/packaging/${script}.in ${scripts}/${script} @ONLY
                   FILE_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
  endforeach()
  set(CPACK_DEBIAN_${daemon}_PACKAGE_CONTROL_EXTRA
      "${scripts}/conffiles;${scripts}/postinst;${scripts}/prerm;${scripts}/postrm")
endforeach()
# libwebsockets loads its libuv loop by itself: nothing in the program's needed libraries names it
set(CPACK_DEBIAN_CPSD_PACKAGE_DEPENDS "${CPACK_DEBIAN_CPSD_PACKAGE_DEPENDS}, libwebsockets-evlib-uv, ca-certificates")
set(CPACK_DEBIAN_CPSD_PACKAGE_RECOMMENDS "redis-server")
set(CPACK_DEBIAN_CPS-SMPP_PACKAGE_DEPENDS "${CPACK_DEBIAN_CPS-SMPP_PACKAGE_DEPENDS}, ca-certificates")
set(CPACK_DEBIAN_LIBCPS1_PACKAGE_SECTION libs)
file(WRITE ${CMAKE_CURRENT_BINARY_DIR}/scripts/libcps1/triggers "activate-noawait ldconfig\n")
set(CPACK_DEBIAN_LIBCPS1_PACKAGE_CONTROL_EXTRA ${CMAKE_CURRENT_BINARY_DIR}/scripts/libcps1/triggers)
set(CPACK_DEBIAN_LIBCPS-DEV_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_LIBCPS-DEV_PACKAGE_DEPENDS "libcps1 (= ${PROJECT_VERSION}-1)")
include(CPack)
