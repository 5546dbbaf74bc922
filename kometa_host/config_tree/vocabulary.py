"""The words that Kometa 2.4.4 knows, from its documentation and JSON schemas. Data alone.

To bring them to another version, compare with docs/ and json-schema/ of that version of Kometa; nothing else here names
them. Old names that Kometa still reads are among them.
"""

from collections.abc import Mapping
from typing import Final

VERSION: Final = "2.4.4"


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# config.yml: its sections, and the keys of each

TOP_LEVEL: Final = _words(
    """
    anidb apprise cache github gotify libraries mal mdblist notifiarr ntfy omdb playlist_files plex radarr settings
    simkl sonarr tautulli tmdb trakt webhooks
    """
)

LIBRARY: Final = _words(
    """
    collection_files image_files library_name metadata_files metadata_path operations overlay_files overlay_path
    plex radarr reapply_overlay reapply_overlays remove_overlay remove_overlays report_path
    reset_overlay reset_overlays revert_overlays schedule schedule_overlay schedule_overlays settings sonarr
    tautulli template_variables webhooks
    """
)

OPERATIONS: Final = _words(
    """
    assets_for_all assets_for_all_collections content_rating_mapper delete_collections delete_collections_with_less
    delete_unmanaged_collections genre_mapper ignore_labels mass_added_at_update mass_audience_rating_update
    mass_background_update mass_collection_content_rating_update mass_collection_mode mass_content_rating_update
    mass_critic_rating_update mass_episode_audience_rating_update mass_episode_critic_rating_update
    mass_episode_user_rating_update mass_genre_update mass_imdb_parental_labels mass_original_title_update
    mass_originally_available_update mass_poster_update mass_studio_update mass_trakt_rating_update
    mass_user_rating_update metadata_backup plex_bulk_edit_batch_size radarr_add_all radarr_add_all_existing
    radarr_remove_by_tag remove_title_parentheses respect_ignore_ids schedule sonarr_add_all sonarr_add_all_existing
    sonarr_remove_by_tag split_duplicates update_blank_track_titles
    """
)

SECTIONS: Final[Mapping[str, frozenset[str]]] = {
    "anidb": _words("cache_expiration client enable_mature language password username version"),
    "apprise": _words("config"),
    "github": _words("token"),
    "gotify": _words("token url"),
    "mal": _words("authorization cache_expiration client_id client_secret localhost_url"),
    "mdblist": _words("apikey cache_expiration"),
    "notifiarr": _words("apikey url"),
    "ntfy": _words("token topic url"),
    "omdb": _words("apikey cache_expiration"),
    "plex": _words(
        """
        asset_directory clean_bundles db_cache empty_trash optimize save_missing show_filtered show_missing
        show_unfiltered show_unmanaged sync_mode timeout token url verify_ssl
        """
    ),
    "radarr": _words(
        """
        add add_existing add_missing availability ignore_cache monitor monitor_existing plex_path quality_profile
        radarr_path root_folder_path search tag token upgrade_existing url
        """
    ),
    "settings": _words(
        """
        asset_depth asset_directory asset_folders assets_for_all assets_for_all_collections auto_sort_hubs cache
        cache_expiration collection_minimum create_asset_folders custom_repo default_collection_order
        delete_below_minimum delete_not_scheduled dimensional_asset_rename download_url_assets hub_priority
        ignore_ids ignore_imdb_ids item_refresh_delay minimum_items missing_only_released only_filter_missing
        overlay_artwork_filetype overlay_artwork_quality playlist_exclude_users playlist_report
        playlist_sync_to_user playlist_sync_to_users prioritize_assets run_again_delay run_order save_missing
        save_report show_asset_not_needed show_filtered show_missing show_missing_assets show_missing_episode_assets
        show_missing_season_assets show_options show_unconfigured show_unfiltered show_unmanaged sync_mode
        tvdb_language verify_ssl
        """
    ),
    "simkl": _words("user_token"),
    "sonarr": _words(
        """
        add add_existing add_missing cutoff cutoff_search ignore_cache language_profile monitor monitor_existing
        plex_path quality_profile root_folder_path search season_folder series_type sonarr_path tag token
        upgrade_existing url
        """
    ),
    "tautulli": _words("apikey url"),
    "tmdb": _words("apikey cache_expiration language region"),
    "trakt": _words("authorization client_id client_secret force_refresh pin"),
    "webhooks": _words(
        """
        changes collection_addition collection_changes collection_creation collection_removal delete error run_end
        run_start version
        """
    ),
}

# keys whose value is true or false, and those whose value is a whole number; with any other Kometa takes its default

FLAG_KEYS: Final[Mapping[str, frozenset[str]]] = {
    "plex": _words("verify_ssl"),
    "radarr": _words("add_existing add_missing ignore_cache monitor monitor_existing search upgrade_existing"),
    "settings": _words(
        """
        asset_folders assets_for_all assets_for_all_collections cache create_asset_folders delete_below_minimum
        delete_not_scheduled dimensional_asset_rename download_url_assets missing_only_released only_filter_missing
        playlist_report prioritize_assets save_report show_asset_not_needed show_filtered show_missing
        show_missing_assets show_missing_episode_assets show_missing_season_assets show_options show_unconfigured
        show_unfiltered show_unmanaged verify_ssl
        """
    ),
    "sonarr": _words(
        """
        add_existing add_missing cutoff_search ignore_cache monitor_existing search season_folder upgrade_existing
        """
    ),
}
NUMBER_KEYS: Final[Mapping[str, frozenset[str]]] = {
    **{section: _words("cache_expiration") for section in ("anidb", "mal", "mdblist", "omdb", "tmdb")},
    "plex": _words("db_cache timeout"),
    "settings": _words(
        "asset_depth cache_expiration item_refresh_delay minimum_items overlay_artwork_quality run_again_delay"
    ),
}

# files that config.yml names: what each kind has at its top

ROOTS: Final[Mapping[str, frozenset[str]]] = {
    "collection_files": frozenset({"collections", "dynamic_collections"}),
    "metadata_files": frozenset({"metadata"}),
    "overlay_files": frozenset({"overlays"}),
    "playlist_files": frozenset({"playlists"}),
}
BESIDE: Final[Mapping[str, frozenset[str]]] = {
    "collection_files": frozenset({"templates", "external_templates"}),
    "metadata_files": frozenset({"templates", "external_templates"}),
    "overlay_files": frozenset({"templates", "external_templates", "queues"}),
    "playlist_files": frozenset({"templates", "external_templates"}),
}

# builders, details and settings of a collection, an overlay or a playlist; a modifier such as .sync can follow
ATTRIBUTES: Final = _words(
    """
    actors add_to_arr album_sorting allowed_library_types anidb_id anidb_popular anidb_relation anidb_tag
    anidb_tag_name anilist_genre anilist_id anilist_popular anilist_relations anilist_search anilist_season
    anilist_studio anilist_tag anilist_top_rated anilist_trending anilist_userlist append_label arr_folder arr_tag
    asset_folders averagescore blank_collection boxofficemojo_list build_collection builder_level cache_builders
    changes_webhooks collection_changes_webhooks collection_filtering collection_level collection_minimum
    collection_mode collection_name collection_order collections content_rating content_ratings contentrating
    contentratings countries create_asset_folders decades default_percent delete_below_minimum
    delete_collections_named delete_not_scheduled delete_playlist directors enddate episode_originally_available
    episode_play episode_release episode_released exclude_users file_background file_poster file_square_art
    file_theme filter filters genres hub_priority icheckmovies_description icheckmovies_list
    icheckmovies_list_details ignore_blank_results ignore_ids ignore_imdb_ids imdb_award imdb_chart imdb_id
    imdb_list imdb_search imdb_watchlist isadult item_album_sorting item_analyze item_assets item_audience_rating
    item_audio_language item_credits_detection item_critic_rating item_delete_episodes item_edition
    item_episode_ordering item_episode_sorting item_genre item_keep_episodes item_label item_lock_background
    item_lock_poster item_lock_square_art item_lock_title item_metadata_language item_radarr_tag item_refresh
    item_refresh_delay item_season_display item_sonarr_tag item_subtitle_language item_subtitle_mode
    item_tmdb_season_titles item_use_original_title item_user_rating key_name kometa_poster label labels
    letterboxd_description letterboxd_list letterboxd_list_details letterboxd_user_films
    letterboxd_user_films_details letterboxd_user_reviews letterboxd_user_reviews_details libraries limit mal_airing
    mal_all mal_favorite mal_genre mal_id mal_licensor mal_movie mal_ova mal_popular mal_producer mal_search
    mal_season mal_special mal_studio mal_suggested mal_tv mal_upcoming mal_userlist max_age mdblist_list
    minimum_items minimum_tag_percentage minimum_tag_rank minimumtagrank missing_only_released mojo_all_time
    mojo_domestic mojo_international mojo_never mojo_record mojo_world name name_mapping networks
    non_item_remove_label only_filter_missing only_run_on_create originally_available overlay overlay_level play
    playlist_minimum playlist_name plex_all plex_collection plex_collectionless plex_pilots plex_search
    plex_watchlist producers radarr_add radarr_add_existing radarr_add_missing radarr_all radarr_availability
    radarr_folder radarr_ignore_cache radarr_monitor radarr_monitor_existing radarr_quality radarr_search radarr_tag
    radarr_taglist radarr_upgrade_existing rating released revert_overlay role roles run_again run_definition
    save_missing save_report schedule seasonyear server_preroll show_actor show_actors show_air_date show_collection
    show_collections show_filtered show_missing show_originally_available show_play show_plays show_release
    show_released show_role show_roles show_unfiltered show_user_rating show_year show_years simkl_dvd
    simkl_trending smart_filter smart_label smart_url sonarr_add sonarr_add_existing sonarr_add_missing sonarr_all
    sonarr_cutoff_search sonarr_folder sonarr_ignore_cache sonarr_language sonarr_monitor sonarr_monitor_existing
    sonarr_quality sonarr_search sonarr_season sonarr_season_folder sonarr_series sonarr_series_type sonarr_tag
    sonarr_taglist sonarr_upgrade_existing sort_title startdate stevenlu2_popular stevenlu_popular studios summary
    suppress_overlays sync_missing_to_trakt_list sync_mode sync_to_trakt_list sync_to_users tautulli_popular
    tautulli_watched template test text_file tmdb_actor tmdb_actor_details tmdb_airing_today tmdb_background
    tmdb_biography tmdb_birthday tmdb_collection tmdb_collection_details tmdb_company tmdb_crew tmdb_crew_details
    tmdb_deathday tmdb_description tmdb_director tmdb_director_details tmdb_discover tmdb_keyword tmdb_list
    tmdb_list_details tmdb_list_poster tmdb_movie tmdb_movie_details tmdb_network tmdb_now_playing tmdb_on_the_air
    tmdb_person tmdb_person_offset tmdb_popular tmdb_poster tmdb_producer tmdb_producer_details tmdb_profile
    tmdb_region tmdb_show tmdb_show_details tmdb_summary tmdb_top_rated tmdb_trending tmdb_trending_daily
    tmdb_trending_weekly tmdb_upcoming tmdb_writer tmdb_writer_details trakt_anticipated trakt_boxoffice trakt_chart
    trakt_collected trakt_collected_all trakt_collected_daily trakt_collected_monthly trakt_collected_weekly
    trakt_collected_yearly trakt_collection trakt_description trakt_list trakt_list_details trakt_popular
    trakt_recommendations trakt_recommended trakt_recommended_all trakt_recommended_daily trakt_recommended_monthly
    trakt_recommended_personal trakt_recommended_weekly trakt_recommended_yearly trakt_trending trakt_userlist
    trakt_watched trakt_watched_all trakt_watched_daily trakt_watched_monthly trakt_watched_weekly
    trakt_watched_yearly trakt_watchlist translation_key translation_prefix tvdb_background tvdb_description
    tvdb_list tvdb_list_details tvdb_list_poster tvdb_movie tvdb_movie_details tvdb_poster tvdb_show
    tvdb_show_details tvdb_summary url_background url_poster url_square_art url_theme validate_builders variables
    video_resolution visible_home visible_library visible_shared writers years
    """
)

# searches of Plex and filters, which can stand there too
SEARCHES: Final = _words(
    """
    actor added album_added album_collection album_critic_rating album_decade album_format album_genre album_label
    album_last_played album_mood album_plays album_record_label album_released album_source album_style album_title
    album_type album_unmatched album_user_rating album_year albums artist_added artist_collection artist_country
    artist_genre artist_label artist_last_played artist_mood artist_style artist_title artist_unmatched
    artist_user_rating aspect audience_rating audio_codec audio_language audio_profile audio_track_title channels
    collection country critic_rating decade director dovi duplicate duration edition episode_actor episode_added
    episode_air_date episode_audience_rating episode_collection episode_critic_rating episode_duplicate
    episode_label episode_last_played episode_plays episode_progress episode_title episode_unmatched
    episode_unplayed episode_user_rating episode_year episodes filepath first_episode_aired folder genre
    has_collection has_dolby_vision has_edition has_overlay has_stinger hdr height history imdb_keyword
    last_episode_aired last_episode_aired_or_never last_played network origin_country original_language plays
    producer progress record_label release resolution season_collection season_label season_title seasons show_title
    show_unmatched stinger_rating studio subtitle_language subtitle_track_title title tmdb_genre tmdb_status
    tmdb_title tmdb_type tmdb_vote_average tmdb_vote_count tmdb_year track_added track_label track_last_played
    track_last_rated track_last_skipped track_mood track_plays track_skips track_source track_title track_trash
    track_user_rating tracks trash tvdb_genre tvdb_status tvdb_title unmatched unplayed unplayed_episodes
    user_rating versions video_codec video_profile width writer year
    """
)

# keys that a template has besides
TEMPLATE: Final = _words("conditionals default move_collection_prefix move_prefix optional")

# keys of a dynamic collection, and what its type can be
DYNAMIC: Final = _words(
    """
    addons custom_keys data exclude include key_name_override other_name other_template remove_prefix remove_suffix
    sync template template_variables test title_format title_override type
    """
)

DYNAMIC_TYPES: Final = _words(
    """
    actor album_genre album_mood album_style audio_language content_rating country custom decade director edition
    episode_year genre imdb_awards letterboxd_user_lists mood network number origin_country original_language
    producer resolution studio style subtitle_language tmdb_collection tmdb_popular_people track_mood
    trakt_liked_lists trakt_people_list trakt_user_lists writer year
    """
)

# only for libraries of films, and only for those of shows
FILM_ATTRIBUTES: Final = _words(
    """
    icheckmovies_list icheckmovies_list_details item_edition letterboxd_list letterboxd_list_details
    letterboxd_user_films letterboxd_user_films_details letterboxd_user_reviews letterboxd_user_reviews_details
    mojo_all_time mojo_domestic mojo_international mojo_never mojo_record mojo_world radarr_all radarr_taglist
    stevenlu_popular tmdb_collection tmdb_collection_details tmdb_movie tmdb_movie_details tmdb_now_playing
    tmdb_upcoming trakt_boxoffice tvdb_movie tvdb_movie_details
    """
)

SHOW_ATTRIBUTES: Final = _words(
    """
    item_tmdb_season_titles sonarr_all sonarr_taglist tmdb_airing_today tmdb_network tmdb_on_the_air tmdb_show
    tmdb_show_details tvdb_show tvdb_show_details
    """
)

# the files that `default:` can name, below the keys of config.yml

DEFAULTS: Final[Mapping[str, frozenset[str]]] = {
    "collection_files": _words(
        """
        actor anilist aspect audio_language bafta based basic berlinale cannes cesar choice collectionless
        content_rating_au content_rating_cs content_rating_de content_rating_mal content_rating_nz content_rating_uk
        content_rating_us continent country decade director emmy franchise genre golden imdb letterboxd myanimelist
        network nfr oscars other_chart pca producer razzie region resolution sag seasonal separator_award
        separator_chart simkl spirit streaming studio subtitle_language sundance tautulli tiff tmdb trakt universe
        venice writer year
        """
    ),
    "overlay_files": _words(
        """
        aspect audio_codec commonsense content_rating_au content_rating_de content_rating_nz content_rating_uk
        content_rating_us_movie content_rating_us_show direct_play episode_info language_count languages
        mediastinger network ratings resolution ribbon runtimes status streaming studio versions video_format
        """
    ),
    "playlist_files": frozenset({"playlist"}),
}
DEFAULT_FOLDERS: Final = ("award/", "both/", "chart/", "movie/", "overlays/", "show/")

FILM_DEFAULTS: Final = _words(
    """
    bafta berlinale cannes cesar content_rating_us_movie director letterboxd nfr oscars producer razzie sag seasonal
    spirit sundance tiff venice writer
    """
)

SHOW_DEFAULTS: Final = _words(
    """
    content_rating_us_show episode_info network status
    """
)

# template variables of the defaults with few possible values

VARIABLE_VALUES: Final[Mapping[str, frozenset[str]]] = {
    "auto_sort_hubs": _words(
        """
        sort_title sort_title.desc alpha alpha.desc configured configured.desc random
        """
    ),
    "builder_level": _words("show season episode"),
    "collection_mode": _words("default hide hide_items show_items"),
    "horizontal_align": _words("left center right"),
    "language": _words("en fr ar da nl de it pt-br nb-no es sv ru bg hu default"),
    "rating1": _words("critic audience user"),
    "rating1_image": _words(
        """
        anidb imdb letterboxd tmdb metacritic rt_popcorn rt_tomato trakt mal mdb star
        """
    ),
    "rating2": _words("critic audience user"),
    "rating2_image": _words(
        """
        anidb imdb letterboxd tmdb metacritic rt_popcorn rt_tomato trakt mal mdb star
        """
    ),
    "rating3": _words("critic audience user"),
    "rating3_image": _words(
        """
        anidb imdb letterboxd tmdb metacritic rt_popcorn rt_tomato trakt mal mdb star
        """
    ),
    "rating_alignment": _words("vertical horizontal"),
    "sep_style": _words(
        """
        amethyst aqua blue forest fuchsia gold gray green navy ocean olive orchid orig pink plum purple red rust
        salmon sand stb tan
        """
    ),
    "sync_mode": _words("sync append"),
    "vertical_align": _words("top center bottom"),
}
NUMBERS: Final = _words("limit list_days list_size minimum_items overlay_limit")

# days as schedules have them
DAYS: Final = _words(
    """
    monday mon m tuesday tues tue tu t wednesday wed w thursday thurs thur thu th r friday fri f saturday sat s
    sunday sun su u
    """
)
